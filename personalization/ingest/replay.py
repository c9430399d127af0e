"""Events that were set aside go the way of all others again: judged, then buffered.

They keep the time of their receipt and what their sender proved then. An event is stored
once however often it is replayed: its letter is locked, and keeps its message id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from personalization import metrics
from personalization.events.models import Event
from personalization.exceptions import EventRejected, RequestRejected
from personalization.ingest.accept import judge, keep
from personalization.ingest.arrival import Arrival
from personalization.ingest.body import parse_json
from personalization.ingest.calls import MAX_MESSAGE_ID, MAX_NAME
from personalization.ingest.clean import refuse_poison
from personalization.ingest.identities import Sender
from personalization.ingest.ids import MAX_ID, MAX_NAMESPACE
from personalization.ingest.inspection import inspection
from personalization.ingest.models import DeadLetter
from personalization.ingest.quarantine import FAILED, sender_of, stated_message_id
from personalization.ingest.sealing import SEALED, opened_call
from personalization.privacy.encryption import sealed_traits

WAITING = DeadLetter.Status.WAITING


@dataclass
class Replayed:
    """How many events were taken, and why the others were refused again."""

    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        lines = [f"{self.taken} events replayed."]
        if self.refused:
            reasons = ", ".join(sorted(self.refused))
            lines.append(f"{self.refused.total()} are refused again: {reasons}.")
        return "\n".join(lines)


def replay(
    pk: int,
    *,
    now: datetime,
    body: str | None = None,
    by: AbstractBaseUser | None = None,
    as_person: bool = False,
) -> bool:
    """Take the event of a letter in; return False when it does not wait any more.

    `body` is what it says instead; `as_person` has no rule look for bots.

    :raises EventRejected: when it is refused again; the letter waits on.
    :raises BufferUnavailable: when the buffer cannot keep it.
    """
    with transaction.atomic():
        letter = _locked(pk)
        if letter is None:
            return False
        sender = sender_of(letter) if letter.code != FAILED else _worker(letter)
        if as_person:
            sender = replace(sender, agent=None)
        arrival = _read(letter, body if body is not None else letter.body, sender)
        keep([arrival], source=letter.source, sender=sender)
        _resolve(letter, DeadLetter.Status.REPLAYED, now=now, by=by)
    metrics.count("events.replayed")
    return True


def replay_many(
    pks: Iterable[int],
    *,
    now: datetime,
    by: AbstractBaseUser | None = None,
    as_person: bool = False,
) -> Replayed:
    """Replay each letter by itself; those that are refused again say why from now on."""
    result = Replayed()
    for pk in pks:
        try:
            result.taken += replay(pk, now=now, by=by, as_person=as_person)
        except EventRejected as error:
            result.refused[error.code] += 1
            _note(pk, error)
    return result


def waiting(*, code: str = "", source: str = "") -> list[int]:
    """Return the letters that wait, the oldest first; `source` is a slug."""
    letters = DeadLetter.objects.filter(status=WAITING)
    if code:
        letters = letters.filter(code=code)
    if source:
        letters = letters.filter(source__slug=source)
    return list(letters.order_by("pk").values_list("pk", flat=True))


def discard(pks: Collection[int], *, now: datetime, by: AbstractBaseUser | None = None) -> int:
    """Give up the letters that wait among these; return how many there were."""
    letters = DeadLetter.objects.filter(pk__in=pks, status=WAITING)
    return letters.update(
        status=DeadLetter.Status.DISCARDED, resolved_at=now, resolved_by_id=by.pk if by else None
    )


def _locked(pk: int) -> DeadLetter | None:
    letters = DeadLetter.objects.select_for_update(of=("self",)).select_related("source")
    return letters.filter(pk=pk, status=WAITING).first()


def _worker(letter: DeadLetter) -> Sender:
    return Sender(trusted=letter.source.is_server, visitor_id=None, received_at=letter.received_at)


def _read(letter: DeadLetter, text: str, sender: Sender) -> Arrival:
    """
    :raises EventRejected: when the text is no event that can be taken.
    """
    data = _parsed(text)
    if letter.code == FAILED:
        return _read_arrival(data)
    data = opened_call(data)
    if not stated_message_id(data):
        data["messageId"] = letter.message_id
    outcome = judge(
        [data],
        sender=sender,
        size=len(text.encode(errors="surrogatepass")),
        inspect=inspection(source=letter.source, sender=sender),
    )
    if outcome.rejected:
        first = outcome.rejected[0]
        raise EventRejected(first.message, code=first.code, pointer=first.pointer)
    return outcome.arrivals[0]


def _parsed(text: str) -> dict[str, Any]:
    try:
        data = parse_json(text.encode(errors="surrogatepass"))
    except RequestRejected as error:
        raise EventRejected(str(error), code=error.code) from None
    if not isinstance(data, dict):
        raise EventRejected("An event is a JSON object.", code="invalid_event")
    return data


def _read_arrival(data: dict[str, Any]) -> Arrival:
    """Return an event that was taken once already and could not be processed."""
    refuse_poison(data)
    try:
        arrival = Arrival.from_json(data)
    except (KeyError, TypeError, ValueError) as error:
        message = f"This is no event as the worker knows it: {error!r}."
        raise EventRejected(message, code=FAILED) from error
    for place, value, kind, longest in _bounds(arrival):
        if not isinstance(value, kind) or (isinstance(value, str) and len(value) > longest):
            raise EventRejected(
                f"{place} is no {kind.__name__} that can be kept.", code=FAILED, pointer=place
            )
    if arrival.type != Event.Type.IDENTIFY:
        return arrival
    # Somebody may have mended it in plain text.
    return replace(arrival, properties=sealed_traits(arrival.properties, trusted=True))


def _bounds(arrival: Arrival) -> Iterator[tuple[str, Any, type, int]]:
    """Yield what an operator may have changed: place, value, type and greatest length."""
    yield from (
        ("/type", arrival.type, str, 10),
        ("/name", arrival.name, str, MAX_NAME),
        ("/properties", arrival.properties, dict, 0),
        ("/context", arrival.context, dict, 0),
        ("/at", arrival.at, int, 0),
        ("/message_id", arrival.message_id, str, MAX_MESSAGE_ID),
    )
    for place, key in enumerate(arrival.keys):
        where = f"/joins/{place - 1}" if place else "/key"
        yield f"{where}/0", key.namespace, str, MAX_NAMESPACE
        yield f"{where}/1", key.value, str, MAX_ID


def _resolve(
    letter: DeadLetter,
    status: DeadLetter.Status,
    *,
    now: datetime,
    by: AbstractBaseUser | None,
) -> None:
    letter.status, letter.resolved_at = status, now
    letter.resolved_by_id = by.pk if by else None
    letter.save(update_fields=("status", "resolved_at", "resolved_by"))


def _note(pk: int, error: EventRejected) -> None:
    if error.code == SEALED:  # that is no fault of the event
        return
    DeadLetter.objects.filter(pk=pk, status=WAITING).exclude(code=FAILED).update(
        code=error.code, message=str(error), pointer=error.pointer[:300]
    )
