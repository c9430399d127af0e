"""Take the events of one request in: judge each, keep the good ones durably."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from personalization import hints, metrics
from personalization.conf import settings
from personalization.events.buffer import Batch, buffer
from personalization.events.models import Source, StoredMessage
from personalization.exceptions import EventRejected
from personalization.ingest.arrival import Arrival
from personalization.ingest.calls import read_event
from personalization.ingest.clean import written
from personalization.ingest.identities import Sender
from personalization.ingest.inspection import Inspect, pass_over
from personalization.ingest.outcome import Outcome, Rejection
from personalization.ingest.permission import (
    Permissions,
    changes_answer,
    speaks_for_itself,
    statements_of,
    vouches,
)
from personalization.ingest.proof import with_proof


def as_it_is(event: Any) -> Any:
    """Return an event that is a call of the Segment spec already."""
    return event


def judge(
    events: Sequence[Any],
    *,
    sender: Sender,
    size: int,
    call: Callable[[Any], Any] = as_it_is,
    inspect: Inspect = pass_over,
) -> Outcome:
    """Return the good events as arrivals and the bad ones with their reasons.

    `call` makes a raw event a call of the Segment spec, `inspect` may refuse one that can
    be read. `size` is the length of the whole request: events are only measured one by
    one when it leaves room for one that is too long.
    """
    outcome = Outcome()
    most, longest = settings.BATCH_MAX_EVENTS, settings.EVENT_MAX_BYTES
    for index, data in enumerate(events[:most]):
        told: Any = None
        try:
            told = call(data)
            text = written(told)
            if size > longest:
                _refuse_length(told, text, longest)
            arrival = read_event(told, sender=sender, clean=text is not None)
            arrival = with_proof(arrival, sender=sender)
            inspect(arrival)
            outcome.arrivals.append(arrival)
            outcome.places.append(index)
        except EventRejected as error:
            outcome.rejected.append(_rejection(index, error, told))
    refused = len(outcome.rejected)
    if excess := len(events[most:]):
        # One line for all of them: an answer must not be larger than what it answers.
        message = f"A batch has {most} events at most; the last {excess} were not taken."
        outcome.rejected.append(Rejection(index=most, code="batch_too_long", message=message))
    if refused + excess:
        metrics.count("events.rejected", by=refused + excess)
    return outcome


def _rejection(index: int, error: EventRejected, call: Any) -> Rejection:
    return Rejection(
        index=index, code=error.code, message=str(error), pointer=error.pointer, call=call
    )


def _refuse_length(call: Any, text: str | None, limit: int) -> None:
    if text is None:
        try:
            text = json.dumps(call, ensure_ascii=False, separators=(",", ":"))
        except RecursionError:  # too deep to be written; the reader says where
            return
    if len(text) * 4 <= limit:
        return
    if (length := len(text.encode(errors="surrogatepass"))) > limit:
        raise EventRejected(
            f"The event has {length} bytes; {limit} are allowed.", code="event_too_large"
        )


def withhold(outcome: Outcome, *, sender: Sender) -> None:
    """Reject what may not be written down at all; the worker asks again when it stores it.

    The visitor cookie comes with a yes and goes with a no, so it is proof enough here, unless
    the browser objects. One that sends events without it needs a yes on record, and so does a
    server of a site that is strict. What another consent tool says for an event counts
    here already; that an answer has changed goes on to be recorded, whatever it is.
    """
    if sender.objected:
        outcome.arrivals = [replace(arrival, objected=True) for arrival in outcome.arrivals]
    judged = list(zip(outcome.places, outcome.arrivals, strict=True))
    allowed = _allowed(outcome.arrivals, sender=sender)
    outcome.arrivals = [arrival for (_, arrival), yes in zip(judged, allowed, strict=True) if yes]
    outcome.places = [place for (place, _), yes in zip(judged, allowed, strict=True) if yes]
    message = _OBJECTED if sender.objected else _NOT_AGREED
    outcome.rejected += [
        Rejection(index=place, code="no_consent", message=message)
        for (place, _), yes in zip(judged, allowed, strict=True)
        if not yes
    ]


_NOT_AGREED = "This visitor has not agreed to it: nothing was kept."
_OBJECTED = "The visitor's browser objects (Sec-GPC, DNT): nothing was kept."


def _allowed(arrivals: Sequence[Arrival], *, sender: Sender) -> list[bool]:
    vouched = sender.visitor_id is not None or vouches(trusted=sender.trusted)
    if vouched and not sender.objected:  # nearly always, and nothing is looked up
        return [speaks_for_itself(each) or changes_answer(each) for each in arrivals]
    statements = statements_of(arrivals)
    permissions = Permissions(arrivals, now=sender.received_at, statements=statements)
    return [
        permissions.take(each, trusted=sender.trusted)
        or (changes_answer(each) and each.key in permissions.known)
        for each in arrivals
    ]


def find_duplicates(outcome: Outcome, *, source: Source) -> None:
    """Note which of the arrivals are stored already, or stand in the request before."""
    ids = [arrival.message_id for arrival in outcome.arrivals]
    known = Counter(
        StoredMessage.objects.filter(source=source, message_id__in=ids).values_list(
            "message_id", flat=True
        )
    )
    for place, message_id in zip(outcome.places, ids, strict=True):
        if known[message_id]:
            outcome.duplicates.add(place)
        known[message_id] += 1


def keep(arrivals: Sequence[Arrival], *, source: Source, sender: Sender) -> None:
    """Put the arrivals into the buffer; when this returns they are durable.

    :raises BufferUnavailable: when the buffer cannot keep them.
    """
    if not arrivals:
        return
    # One statement, so a transaction of its own: durable here, or with the caller's.
    buffer().append(
        Batch(
            source_id=source.pk,
            events=[arrival.to_json() for arrival in arrivals],
            received_at=sender.received_at,
        )
    )
    hints.hint(hints.PROCESS_EVENTS)
