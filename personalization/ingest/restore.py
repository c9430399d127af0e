"""Bring events back out of an archive, once they are to be kept again.

A message that became an event stays known after the event is gone, so that a late
repetition is not counted; here it is forgotten where its event is not there any more.
Run twice, or killed and run again, each event is there once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction

from personalization import hints
from personalization.clock import moment
from personalization.events.buffer import Batch, buffer
from personalization.events.expiry import first_kept
from personalization.events.models import Event, Source, StoredMessage
from personalization.events.partitions import database
from personalization.exceptions import EventRejected, UnreadableFile
from personalization.ingest.arrival import Arrival
from personalization.ingest.body import loads
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.profiles.identity import Key

CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class Portion:
    """Lines that were read, and how many of them were no events any more."""

    read: int
    restored: int


def restore(lines: Iterable[bytes], *, source: Source, now: datetime) -> Iterator[Portion]:
    """Put what is missing of an archive of `source` into the buffer, a portion for each step.

    :raises UnreadableFile: for a line that no archive has, or an event too old to be kept.
    :raises BufferUnavailable: when the buffer cannot keep them.
    """
    sender = Sender(trusted=True, visitor_id=None, received_at=now)
    numbered = iter(enumerate(lines, 1))
    while chunk := list(islice(numbered, CHUNK)):
        arrivals = [_arrival(line, number, sender) for number, line in chunk]
        restored = _take(arrivals, source=source, now=now)
        yield Portion(read=len(arrivals), restored=restored)


def _arrival(line: bytes, number: int, sender: Sender) -> Arrival:
    try:
        call: dict[str, Any] = loads(line.decode())
        namespace, value = call["identity"]
        arrival = read_event(call, sender=sender)
    except (ValueError, KeyError, TypeError, RecursionError, EventRejected) as error:
        raise UnreadableFile(f"Line {number} is not of an archive of ours: {error}") from error
    first = first_kept(sender.received_at).start
    if moment(arrival.at) < first:
        raise UnreadableFile(
            f"Line {number} is of {moment(arrival.at):%Y-%m-%d}; events are kept from "
            f"{first:%Y-%m-%d} on. Raise PERSONALIZATION_RETENTION first."
        )
    # What the identity was joined with is on record still.
    return replace(arrival, key=Key(namespace, value), joins=())


def _take(arrivals: Sequence[Arrival], *, source: Source, now: datetime) -> int:
    """Put those without an event into the buffer, to be stored anew; return how many."""
    with transaction.atomic(database()):
        known = _hold(arrivals, source)
        missing = _missing(arrivals, source)
        if missing:
            _forget(known & {arrival.message_id for arrival in missing}, source)
            events = [arrival.to_json() for arrival in missing]
            buffer().append(Batch(source_id=source.pk, events=events, received_at=now))
            hints.hint(hints.PROCESS_EVENTS)
    return len(missing)


def _hold(arrivals: Sequence[Arrival], source: Source) -> set[str]:
    """Return the messages that are known as stored; nobody stores them anew until commit.

    Only these may be forgotten. One that a worker notes from now on has its event, though
    we may have looked for that too early.
    """
    known = StoredMessage.objects.select_for_update().filter(
        source=source, message_id__in=[arrival.message_id for arrival in arrivals]
    )
    # In the order of the workers, so that nobody waits for each other.
    return set(known.order_by("message_id").values_list("message_id", flat=True))


def _missing(arrivals: Sequence[Arrival], source: Source) -> list[Arrival]:
    kept = set(
        Event.objects.using(database())
        .filter(
            source=source,
            name__in={arrival.name for arrival in arrivals},
            timestamp__in=[moment(arrival.at) for arrival in arrivals],
        )
        .values_list("message_id", flat=True)
    )
    return [arrival for arrival in arrivals if arrival.message_id not in kept]


def _forget(messages: Collection[str], source: Source) -> None:
    StoredMessage.objects.filter(source=source, message_id__in=messages).delete()
