"""From the buffer to memberships, one transaction per claim.

validate (at the door) → consent → humanity → dedupe → identify → persist → snapshot →
touched rules → memberships → acknowledge. A worker that dies half-way leaves the
claimed batches in the buffer and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from personalization import bulk, metrics
from personalization.clock import moment
from personalization.conf import settings
from personalization.events.buffer import Batch, buffer
from personalization.events.messages import take
from personalization.events.models import Event, Source
from personalization.ingest import just_here
from personalization.ingest.apply import apply_events
from personalization.ingest.arrival import Arrival
from personalization.ingest.barred import without_barred
from personalization.ingest.findings import note_findings
from personalization.ingest.humanity import prove
from personalization.ingest.item import Item
from personalization.ingest.permission import Permissions, record_statements, statements_of
from personalization.ingest.quarantine import bury
from personalization.privacy.consent import take_answers_over
from personalization.profiles.identity import Key, find, find_or_create
from personalization.profiles.links import join
from personalization.profiles.locks import ProfileMoved, hold_profiles_of
from personalization.profiles.models import Identity
from personalization.profiles.resolve import Link
from personalization.profiles.suppressed import share
from personalization.rules.occurrence import Occurrence

logger = logging.getLogger(__name__)

#: In a transaction. More events are cheaper each, until profiles no longer repeat.
MOST_EVENTS = 4000
#: The same where one writer keeps all others waiting, as in an embedded database.
MOST_EVENTS_ALONE = 1000
#: Codes of PostgreSQL, by their class, for what another try can mend: connections, conflicts
#: with others, resources, operators. All but a statement that takes longer than it may.
_TRANSIENT = frozenset({"08", "40", "53", "55", "57", "58"})
_QUERY_CANCELED = "57014"
#: Codes of SQLite for the same: busy, locked, input and output, full, cannot open.
_TRANSIENT_IN_SQLITE = frozenset({5, 6, 10, 13, 14})


def process_events(*, now: datetime) -> int:
    """Empty the buffer; return how many batches were taken out of it."""
    done = 0
    limit = settings.WORKER_BATCH
    while True:
        with transaction.atomic():
            share()  # before anything is held that an erasure may wait for
            claimed = buffer().claim(limit)
            batches = _bounded(claimed)
            taken = _process_or_split(batches, now=now)
        if not taken:
            return done
        done += taken
        # Where batches are long, not all of them are read again for each few processed.
        full = len(batches) < len(claimed)
        limit = len(batches) if full else min(2 * limit, settings.WORKER_BATCH)


def process_now(batch: Batch, *, now: datetime) -> bool:
    """Process a batch that is in no buffer; return whether it is done.

    When it is not, nothing of it is: the caller then puts it into the buffer.
    """
    return _failure([batch], now=now, ack=False) is None


def _bounded(batches: Sequence[Batch]) -> Sequence[Batch]:
    """Return the first batches with not too many events between them, but one at least."""
    shared = connection.features.has_select_for_update_skip_locked
    most = MOST_EVENTS if shared else MOST_EVENTS_ALONE
    n = 0
    for place, batch in enumerate(batches):
        n += len(batch.events)
        if n > most:
            return batches[: max(place, 1)]
    return batches


def _process_or_split(batches: Sequence[Batch], *, now: datetime) -> int:
    """Process and acknowledge the batches; return how many were.

    When that fails, halves are tried, down to the single batch that is at fault:
    it neither blocks nor takes along its neighbours.
    """
    if not batches:
        return 0
    error = _failure(batches, now=now)
    if error is None:
        return len(batches)
    if len(batches) == 1:
        return _fail(batches[0], error, now=now)
    half = len(batches) // 2
    return _process_or_split(batches[:half], now=now) + _process_or_split(batches[half:], now=now)


def _fail(batch: Batch, error: Exception, *, now: datetime) -> int:
    """Leave a batch for another try; after the last one, take it apart."""
    metrics.count("events.batches_failed")
    if batch.attempts + 1 < settings.BUFFER_ATTEMPTS:
        buffer().fail(batch, f"{type(error).__name__}: {error}")
        return 0
    try:
        _take_apart(batch, now=now)
    except (DatabaseError, TypeError, ValueError) as last:
        logger.exception("A batch cannot be taken apart.", extra={"action": "claim_failed"})
        buffer().fail(batch, f"{type(last).__name__}: {last}")
        return 0
    return 1


def _take_apart(batch: Batch, *, now: datetime) -> None:
    """Process what can be of the batch, and set aside what cannot."""
    with transaction.atomic():
        for event in batch.events:
            single = replace(batch, events=[event])
            if (error := _failure([single], now=now, ack=False)) is not None:
                bury(single, error)
        buffer().ack([batch])


def _failure(batches: Sequence[Batch], *, now: datetime, ack: bool = True) -> Exception | None:
    """Process the batches together or not at all; return why not."""
    try:
        _process_and_ack(batches, now=now, ack=ack)
    except OperationalError as error:
        if _is_transient(error):  # the next sweep tries again
            raise
        logger.exception("%d batches failed.", len(batches), extra={"action": "claim_failed"})
        return error
    except Exception as error:  # the worker's outermost loop
        logger.exception("%d batches failed.", len(batches), extra={"action": "claim_failed"})
        return error
    return None


def _is_transient(error: OperationalError) -> bool:
    """Return whether another try may succeed; what fails for good must not hold up the rest."""
    if (code := getattr(error.__cause__, "sqlstate", None)) is not None:
        return code[:2] in _TRANSIENT and code != _QUERY_CANCELED
    if (number := getattr(error.__cause__, "sqlite_errorcode", None)) is not None:
        return number & 0xFF in _TRANSIENT_IN_SQLITE
    return True  # a connection that is gone has no code


def _process_and_ack(batches: Sequence[Batch], *, now: datetime, ack: bool) -> None:
    """Process and acknowledge the batches together or not at all.

    Between our look and our write another worker may have merged a profile away or
    created the same one; a second look sees what it did.
    """
    try:
        with transaction.atomic():
            _process(batches, now=now)
            if ack:
                buffer().ack(batches)
    except (IntegrityError, ProfileMoved):
        with transaction.atomic():
            _process(batches, now=now)
            if ack:
                buffer().ack(batches)


def _process(batches: Sequence[Batch], *, now: datetime) -> None:
    # An event must not lie ahead of the instant it is evaluated at.
    now = max([now, *(batch.received_at for batch in batches)])
    share()
    claimed = _items(batches)
    known = find(key for item in claimed for key in item.arrival.keys)
    claimed = without_barred(claimed, known=known)
    permissions = _permissions(claimed, known=known, now=now)
    items = _unseen(_allowed(claimed, permissions), now=now)
    owners = {item.arrival.key for item in items}
    news = permissions.news_of(owners)
    if not items and not news:
        return
    note_findings(items, now=now)
    keys = [*news, *(key for item in items for key in item.arrival.keys)]
    identities = find_or_create(keys, known=known)
    record_statements(news, identities)
    moves = join(_links(items), identities, now=now)
    bulk.insert(Event, [_row(item, identities) for item in items])
    held = hold_profiles_of([identities[key] for key in {*owners, *news}])
    occurrences: dict[int, list[Occurrence]] = {}
    for item in items:
        profile_id = identities[item.arrival.key].profile_id
        occurrences.setdefault(profile_id, []).append(item.arrival.occurrence)
    answered = {identities[key].profile_id for key in news}
    changed = take_answers_over([held[profile_id] for profile_id in answered], now=now)
    touched = {*occurrences, *(snapshot.pk for snapshot in changed)}
    held = {profile_id: held[profile_id] for profile_id in touched}
    apply_events(occurrences, held, moves=moves, now=now)
    transaction.on_commit(partial(just_here.note, sorted(held)))
    metrics.count("events.stored", by=len(items))


def _items(batches: Sequence[Batch]) -> list[Item]:
    sources = Source.objects.in_bulk({batch.source_id for batch in batches})
    for batch in batches:
        if batch.source_id not in sources:  # a database buffer does not let it be deleted
            metrics.count("events.without_source", by=len(batch.events))
            logger.error("Source %s is gone; its events are dropped.", batch.source_id)
    return [
        Item(Arrival.from_json(data), sources[batch.source_id], batch.received_at)
        for batch in batches
        for data in batch.events
        if batch.source_id in sources
    ]


def _permissions(
    items: Sequence[Item], *, known: Mapping[Key, Identity], now: datetime
) -> Permissions:
    arrivals = [item.arrival for item in items]
    return Permissions(arrivals, now=now, statements=statements_of(arrivals), known=known)


def _allowed(items: Sequence[Item], permissions: Permissions) -> list[Item]:
    """Keep what the visitor's newest answers allow, asked now and not only at the door, and
    what a person sent."""
    allowed = [
        item for item in items if permissions.take(item.arrival, trusted=item.source.is_server)
    ]
    return prove(allowed, known=permissions.known)


def _unseen(items: Sequence[Item], *, now: datetime) -> list[Item]:
    """Drop what was stored before or stands twice in the claim."""
    unique = {item.message: item for item in reversed(items)}
    fresh = take(unique.keys(), now=now)
    if repeated := len(items) - len(fresh):
        metrics.count("events.duplicates", by=repeated)
    return [item for message, item in reversed(unique.items()) if message in fresh]


def _links(items: Sequence[Item]) -> list[Link]:
    return [
        Link(item.arrival.key, other, item.arrival.at, item.arrival.message_id)
        for item in items
        for other in item.arrival.joins
    ]


def _row(item: Item, identities: Mapping[Key, Identity]) -> bulk.Row:
    arrival = item.arrival
    return {
        "identity_id": identities[arrival.key].pk,
        "source_id": item.source.pk,
        "message_id": arrival.message_id,
        "type": arrival.type,
        "name": arrival.name,
        "properties": arrival.properties,
        "context": arrival.context,
        "timestamp": moment(arrival.at),
        "received_at": item.received_at,
    }
