"""From the buffer to memberships, one transaction per claim.

validate (at the door) → consent → dedupe → identify → persist → snapshot →
touched rules → memberships → acknowledge. A worker that dies half-way leaves the
claimed batches in the buffer and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, OperationalError, transaction

from personalization import metrics
from personalization.clock import moment
from personalization.conf import settings
from personalization.events.buffer import Batch, buffer
from personalization.events.models import Event, Source
from personalization.ingest.apply import ProfileMoved, apply_events, locked_snapshots
from personalization.ingest.arrival import Arrival
from personalization.ingest.permission import Permissions
from personalization.profiles.identity import Key, find_or_create, link
from personalization.profiles.models import Identity
from personalization.profiles.occurrence import Occurrence

logger = logging.getLogger(__name__)

#: A transaction with more events keeps the writers of an embedded database waiting.
MOST_EVENTS = 1000


@dataclass(frozen=True)
class Item:
    """An arrival with where it came from."""

    arrival: Arrival
    source: Source
    received_at: datetime

    @property
    def message(self) -> tuple[int, str]:
        return self.source.pk, self.arrival.message_id


def process_events(*, now: datetime) -> int:
    """Empty the buffer; return how many batches were taken out of it."""
    done = 0
    limit = settings.WORKER_BATCH
    while True:
        with transaction.atomic():
            claimed = buffer().claim(limit)
            batches = _bounded(claimed)
            taken = _process_or_split(batches, now=now)
        if not taken:
            return done
        done += taken
        # Where batches are long, not all of them are read again for each few processed.
        full = len(batches) < len(claimed)
        limit = len(batches) if full else min(2 * limit, settings.WORKER_BATCH)


def _bounded(batches: Sequence[Batch]) -> Sequence[Batch]:
    """Return the first batches with no more than `MOST_EVENTS` between them, but one at least."""
    n = 0
    for place, batch in enumerate(batches):
        n += len(batch.events)
        if n > MOST_EVENTS:
            return batches[: max(place, 1)]
    return batches


def _process_or_split(batches: Sequence[Batch], *, now: datetime) -> int:
    """Process and acknowledge the batches; return how many were.

    When that fails, halves are tried, down to the single batch that is at fault:
    it neither blocks nor takes along its neighbours, and is parked after a few tries.
    """
    if not batches:
        return 0
    try:
        _process_and_ack(batches, now=now)
        return len(batches)
    except OperationalError:  # a deadlock or a lost connection: the next sweep tries again
        raise
    except Exception as error:  # the worker's outermost loop
        logger.exception("%d batches failed.", len(batches), extra={"action": "claim_failed"})
        if len(batches) == 1:
            metrics.count("events.batches_failed")
            buffer().fail(batches[0], f"{type(error).__name__}: {error}")
            return 0
    half = len(batches) // 2
    return _process_or_split(batches[:half], now=now) + _process_or_split(batches[half:], now=now)


def _process_and_ack(batches: Sequence[Batch], *, now: datetime) -> None:
    """Process and acknowledge the batches together or not at all.

    Between our look and our write another worker may have stored the same event or
    merged a profile away; a second look sees what it did.
    """
    try:
        with transaction.atomic():
            _process(batches, now=now)
            buffer().ack(batches)
    except (IntegrityError, ProfileMoved):
        with transaction.atomic():
            _process(batches, now=now)
            buffer().ack(batches)


def _process(batches: Sequence[Batch], *, now: datetime) -> None:
    # An event must not lie ahead of the instant it is evaluated at.
    now = max([now, *(batch.received_at for batch in batches)])
    items = _unseen(_allowed(_items(batches)))
    if not items:
        return
    identities, merged = _identified(items)
    Event.objects.bulk_create(_row(item, identities) for item in items)
    occurrences: dict[int, list[Occurrence]] = {target: [] for target in merged.values()}
    for item in items:
        profile_id = identities[item.arrival.key].profile_id
        occurrences.setdefault(profile_id, []).append(item.arrival.occurrence)
    apply_events(occurrences, merged=merged, now=now)
    metrics.count("events.stored", by=len(items))


def _items(batches: Sequence[Batch]) -> list[Item]:
    sources = Source.objects.in_bulk({batch.source_id for batch in batches})
    return [
        Item(Arrival.from_json(data), sources[batch.source_id], batch.received_at)
        for batch in batches
        for data in batch.events
        if batch.source_id in sources
    ]


def _allowed(items: Sequence[Item]) -> list[Item]:
    """Keep what the visitor's newest answers allow, asked now and not only at the door."""
    permissions = Permissions(item.arrival for item in items)
    return [
        item for item in items if permissions.allow(item.arrival, trusted=item.source.is_server)
    ]


def _unseen(items: Sequence[Item]) -> list[Item]:
    """Drop what was stored before or stands twice in the claim, by (source, message id)."""
    unique = {item.message: item for item in reversed(items)}
    stored: set[tuple[int, str]] = set()
    for source_id in {source_id for source_id, _ in unique}:
        ids = [message_id for source, message_id in unique if source == source_id]
        stored |= set(
            Event.objects.filter(source=source_id, message_id__in=ids).values_list(
                "source_id", "message_id"
            )
        )
    fresh = [item for message, item in reversed(unique.items()) if message not in stored]
    if repeated := len(items) - len(fresh):
        metrics.count("events.duplicates", by=repeated)
    return fresh


def _identified(items: Sequence[Item]) -> tuple[dict[Key, Identity], dict[int, int]]:
    """Return the identities of the items, and for each profile merged away its target."""
    identities = find_or_create(key for item in items for key in item.arrival.keys)
    links = _links(items)
    if links:
        # A profile is merged away only when nobody is adding to it.
        locked_snapshots({identity.profile_id for identity in identities.values()})
    # `other` alone moves: a profile without a user has no second identity.
    merged: dict[int, int] = {}
    for named, other in links:
        emptied = link(identities[named], identities[other])
        if emptied is not None:
            merged[emptied] = identities[named].profile_id
    return identities, merged


def _links(items: Sequence[Item]) -> list[tuple[Key, Key]]:
    """Return each pair of identities to join once, in the order of their events."""
    arrivals = sorted(
        (item.arrival for item in items), key=lambda arrival: (arrival.at, arrival.message_id)
    )
    return list(
        dict.fromkeys((arrival.key, arrival.joins) for arrival in arrivals if arrival.joins)
    )


def _row(item: Item, identities: Mapping[Key, Identity]) -> Event:
    arrival = item.arrival
    return Event(
        identity=identities[arrival.key],
        joins=identities[arrival.joins] if arrival.joins else None,
        source=item.source,
        message_id=arrival.message_id,
        type=arrival.type,
        name=arrival.name,
        properties=arrival.properties,
        context=arrival.context,
        timestamp=moment(arrival.at),
        received_at=item.received_at,
    )
