"""Take the events of one request in: judge each, keep the good ones durably."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from personalization import hints, metrics
from personalization.conf import settings
from personalization.events.buffer import Batch, buffer
from personalization.events.models import Source
from personalization.exceptions import EventRejected
from personalization.ingest.arrival import Arrival
from personalization.ingest.permission import Permissions
from personalization.ingest.protocols.segment import Sender, read_event


@dataclass(frozen=True)
class Rejection:
    """An event that was not taken, by its place in the request."""

    index: int
    code: str
    message: str


@dataclass
class Outcome:
    """What became of the events of a request; `places` are where the arrivals stood in it."""

    arrivals: list[Arrival] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


def judge(events: Sequence[Any], *, sender: Sender, size: int, kind: str | None = None) -> Outcome:
    """Return the good events as arrivals and the bad ones with their reasons.

    `size` is the length of the whole request: events are only measured one by
    one when it leaves room for one that is too long.
    """
    outcome = Outcome()
    most, longest = settings.BATCH_MAX_EVENTS, settings.EVENT_MAX_BYTES
    for index, data in enumerate(events[:most]):
        try:
            arrival = read_event(data, sender=sender, kind=kind)
            if size > longest:
                _refuse_length(data, longest)
            outcome.arrivals.append(arrival)
            outcome.places.append(index)
        except EventRejected as error:
            outcome.rejected.append(Rejection(index, error.code, str(error)))
    refused = len(outcome.rejected)
    if excess := len(events[most:]):
        # One line for all of them: an answer must not be larger than what it answers.
        message = f"A batch has {most} events at most; the last {excess} were not taken."
        outcome.rejected.append(Rejection(most, "batch_too_long", message))
    if refused + excess:
        metrics.count("events.rejected", by=refused + excess)
    return outcome


def _refuse_length(data: Any, limit: int) -> None:
    """Measure an event that was read, so is not too deep to be written."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    if (length := len(text.encode())) > limit:
        raise EventRejected(
            f"The event has {length} bytes; {limit} are allowed.", code="event_too_large"
        )


def withhold(outcome: Outcome, *, sender: Sender) -> None:
    """Reject what may not be written down at all; the worker asks again when it stores it.

    The visitor cookie comes with a yes and goes with a no, so it is proof enough here.
    A browser that sends events without it needs a yes on record.
    """
    if sender.trusted or sender.visitor_id is not None:
        return
    permissions = Permissions(outcome.arrivals)
    judged = list(zip(outcome.places, outcome.arrivals, strict=True))
    allowed = [permissions.allow(arrival, trusted=False) for _, arrival in judged]
    outcome.arrivals = [arrival for (_, arrival), yes in zip(judged, allowed, strict=True) if yes]
    outcome.places = [place for (place, _), yes in zip(judged, allowed, strict=True) if yes]
    outcome.rejected += [
        Rejection(place, "no_consent", "This visitor has not agreed to it: nothing was kept.")
        for (place, _), yes in zip(judged, allowed, strict=True)
        if not yes
    ]


def keep(arrivals: Sequence[Arrival], *, source: Source, sender: Sender) -> None:
    """Put the arrivals into the buffer; when this returns they are durable."""
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


def events_in(body: Mapping[str, Any]) -> Sequence[Any] | None:
    """Return the list under `batch`, None when there is none."""
    batch = body.get("batch")
    return batch if isinstance(batch, list) else None
