"""Events that are set aside: with the reason, as they came, to be mended and replayed.

Only what somebody could have meant as an event, and only of those of whom we may keep
anything: without an owner that can be read, neither consent nor erasure could be honoured.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from personalization import metrics
from personalization.conf import settings
from personalization.events.buffer import Batch
from personalization.events.models import Source
from personalization.exceptions import EventRejected
from personalization.ingest.barred import not_suppressed
from personalization.ingest.bots import Agent
from personalization.ingest.calls import MAX_MESSAGE_ID
from personalization.ingest.clean import refuse_poison
from personalization.ingest.identities import Sender, identities_of
from personalization.ingest.ids import MAX_ID, MAX_NAMESPACE
from personalization.ingest.models import DeadLetter
from personalization.ingest.outcome import Rejection
from personalization.ingest.permission import Permissions
from personalization.ingest.redaction import proved, redacted
from personalization.ingest.sealing import sealed_call
from personalization.privacy.preferences import statement_of
from personalization.profiles.identity import Key
from personalization.types import Json, JsonObject

#: Why an event is set aside, and not only refused, by the code of the refusal.
KEPT: Final = frozenset({
    "poison_value", "too_deeply_nested", "event_too_large", "invalid_timestamp", "too_old",
    "unknown_type", "missing_event", "invalid_event", "invalid_message_id",
    "schema_violation", "unknown_event", "bot",
})  # fmt: skip
#: Why the worker sets one aside that was taken.
FAILED: Final = "processing_failed"
#: The longest body that is kept, as a multiple of the longest event that is taken.
MAX_BODY: Final = 4
#: How long those that were replayed or discarded can still be looked at.
KEPT_AFTERWARDS: Final = timedelta(days=30)
#: Where a letter keeps the further identities that its event names, beside the proofs.
JOINS: Final = "joins"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An event on its way aside: the reason, the call as text, and whose it is."""

    rejection: Rejection
    body: str
    message_id: str
    keys: tuple[Key, ...]
    proof: JsonObject = field(default_factory=dict)


def set_aside(rejected: Iterable[Rejection], *, source: Source, sender: Sender) -> None:
    """Keep those of the refused events that are worth it; durable when this returns.

    No more wait for a source than the settings say, and none waits twice.
    """
    rejected = [rejection for rejection in rejected if rejection.code in KEPT]
    if not rejected or sender.objected or not (sender.trusted or sender.visitor_id):
        return
    letters = [letter for one in rejected if (letter := _letter(one, sender)) is not None]
    letters = not_suppressed(letters)
    permissions = Permissions(letters, now=sender.received_at)
    letters = [one for one in letters if permissions.allow(one, trusted=sender.trusted)]
    with transaction.atomic():
        fresh = _unknown(letters, source=source)[: _room(source)]
        DeadLetter.objects.bulk_create(
            _row(letter, source=source, received_at=sender.received_at) for letter in fresh
        )
    metrics.count("events.set_aside", by=len(fresh))


def _letter(rejection: Rejection, sender: Sender) -> Letter | None:
    """Return None for what is not kept: no call, nobody's, or too long."""
    call = rejection.call
    if not isinstance(call, Mapping) or _speaks_against_itself(call):
        return None
    try:
        keys = _owners(call, sender)
        sender = proved(sender, call, owner=keys[0])
        sealed = sealed_call(call, trusted=sender.trusted)
        body = json.dumps(redacted(sealed))  # ASCII: what no database keeps is kept escaped
    except (RecursionError, EventRejected):
        return None
    if len(body) > MAX_BODY * settings.EVENT_MAX_BYTES:
        return None
    return Letter(
        rejection=rejection,
        body=body,
        message_id=_message_id(call),
        keys=keys,
        proof={**proof_of(sender), JOINS: [[key.namespace, key.value] for key in keys[1:]]},
    )


def _speaks_against_itself(call: Mapping[str, Any]) -> bool:
    """Return whether another consent tool says with it that the visitor has refused."""
    context = call.get("context")
    said = statement_of(context, name="") if isinstance(context, Mapping) else None
    return said is not None and not said.allows


def _owners(call: Mapping[str, Any], sender: Sender) -> tuple[Key, ...]:
    """
    :raises EventRejected: when nobody can be read from the call.
    """
    key, joins = identities_of(call, str(call.get("type")), sender)
    keys = (key, *joins)
    for each in keys:
        refuse_poison(each.value)
    return keys


def _message_id(call: Mapping[str, Any]) -> str:
    """Return the id a replay has, so that two replays are stored once."""
    return stated_message_id(call) or uuid.uuid4().hex


def stated_message_id(call: Mapping[str, Any]) -> str:
    """Return the id under which the call would be stored, if it states a good one."""
    stated = call.get("messageId")
    text = str(stated) if isinstance(stated, str | int) else ""
    try:
        refuse_poison(text)
    except EventRejected:
        return ""
    return text if len(text) <= MAX_MESSAGE_ID else ""


def _unknown(letters: Sequence[Letter], *, source: Source) -> list[Letter]:
    """Leave out what waits already: a client sends again what it was not answered."""
    if not letters:
        return []
    waiting = DeadLetter.objects.filter(
        source=source,
        message_id__in=[letter.message_id for letter in letters],
        status=DeadLetter.Status.WAITING,
    )
    seen = set(waiting.values_list("message_id", flat=True))
    fresh = {one.message_id: one for one in letters if one.message_id not in seen}
    return list(fresh.values())


def _room(source: Source) -> int:
    """Return how many more may wait; what finds no room is counted and forgotten."""
    limit = settings.DEAD_LETTERS
    waiting = DeadLetter.objects.filter(source=source, status=DeadLetter.Status.WAITING)
    return max(0, limit - waiting.order_by()[:limit].count())


def _row(letter: Letter, *, source: Source, received_at: datetime) -> DeadLetter:
    return DeadLetter(
        source=source,
        code=letter.rejection.code,
        message=letter.rejection.message,
        pointer=letter.rejection.pointer[:_POINTER],
        body=letter.body,
        sender=letter.proof,
        message_id=letter.message_id,
        namespace=letter.keys[0].namespace,
        value=letter.keys[0].value,
        received_at=received_at,
    )


_POINTER: Final = 300


# -- what a sender proved -----------------------------------------------------------------


def proof_of(sender: Sender) -> dict[str, Json]:
    """Return the sender as JSON, without the time of receipt: the letter has that."""
    proof: dict[str, Json] = {
        each.name: getattr(sender, each.name)
        for each in fields(sender)
        if each.name not in ("received_at", "sent_at", "agent", "objected")
    }
    proof["sent_at"] = sender.sent_at.isoformat() if sender.sent_at else None
    proof["agent"] = sender.agent.to_json() if sender.agent else None
    return proof


def sender_of(letter: DeadLetter) -> Sender:
    """Return the sender of an event that was set aside. No more is believed of it than now
    of its source."""
    proof = dict(letter.sender)
    proof.pop(JOINS, None)
    sent_at, agent = proof.pop("sent_at"), proof.pop("agent")
    was_trusted = proof.pop("trusted")
    trusted = was_trusted and letter.source.is_server
    if was_trusted and not trusted and proof.get("network"):
        proof["network"] = {}  # a server stated it of its visitor
    return Sender(
        **proof,
        trusted=trusted,
        received_at=letter.received_at,
        sent_at=datetime.fromisoformat(sent_at) if sent_at else None,
        agent=Agent(**agent) if agent else None,
    )


# -- what the worker cannot process -------------------------------------------------------


def bury(batch: Batch, error: Exception) -> None:
    """Set the events of a batch aside that the worker cannot process.

    All of them, whatever waits already: they were taken, so they are not lost. But nothing
    of those who refuse by now, and of a browser nothing that has no owner.
    """
    letters = not_suppressed(_taken(event, error) for event in batch.events)
    permissions = Permissions(letters, now=timezone.now())
    source = Source.objects.get(pk=batch.source_id)
    kept = [
        letter
        for letter in letters
        if permissions.allow(letter, trusted=source.is_server) and (letter.keys or source.is_server)
    ]
    if lost := len(letters) - len(kept):
        metrics.count("events.not_set_aside", by=lost)
    DeadLetter.objects.bulk_create(
        _row_of_taken(letter, source=source, received_at=batch.received_at) for letter in kept
    )


def _taken(event: JsonObject, error: Exception) -> Letter:
    message = f"{type(error).__name__}: {error}".replace("\0", "\\0")
    return Letter(
        rejection=Rejection(index=0, code=FAILED, message=message),
        body=json.dumps(event),
        message_id=stated_message_id({"messageId": event.get("message_id")}),
        keys=_keys_of_taken(event),
    )


def _keys_of_taken(event: JsonObject) -> tuple[Key, ...]:
    """Return whose it is as far as it says so, and no more than the columns hold."""
    joins = event.get("joins")
    stated = [event.get("key"), *(joins if isinstance(joins, list) else [])]
    return tuple(
        Key(key[0][:MAX_NAMESPACE], key[1][:MAX_ID])
        for key in stated
        if isinstance(key, list) and len(key) == 2 and all(isinstance(part, str) for part in key)
    )


def _row_of_taken(letter: Letter, *, source: Source, received_at: datetime) -> DeadLetter:
    namespace, value = (letter.keys[0].namespace, letter.keys[0].value) if letter.keys else ("", "")
    return DeadLetter(
        source=source,
        code=FAILED,
        message=letter.rejection.message,
        body=letter.body,
        message_id=letter.message_id,
        namespace=namespace,
        value=value,
        received_at=received_at,
    )


# -- what is over -------------------------------------------------------------------------


def purge_resolved(*, now: datetime) -> int:
    """Delete what was replayed or discarded a while ago; return how many."""
    over = DeadLetter.objects.exclude(status=DeadLetter.Status.WAITING)
    deleted, _ = over.filter(resolved_at__lt=now - KEPT_AFTERWARDS).delete()
    return deleted
