"""Let go of events that are older than they are kept, a month at a time.

A profile is a function of the events that are kept, so those that lose some are marked
to be rebuilt in the same transaction.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.db import connections, transaction
from django.db.models import Count, Max, Min, QuerySet

from personalization import hints, metrics
from personalization.conf import settings
from personalization.events.archive import Archive, events_in, write_archive
from personalization.events.models import Event, StoredMessage
from personalization.events.partitions import (
    Month,
    alone,
    database,
    drop_month,
    is_partitioned,
    make_months,
    months,
    patiently,
)
from personalization.profiles.models import Identity, Snapshot

logger = logging.getLogger(__name__)

#: Messages are known for so much longer than events are kept: clocks of machines differ.
GRACE = timedelta(days=1)
#: Rows of one transaction where nothing can be dropped as a whole.
CHUNK = 1000


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What was done: events that each new month took over and that each old one lost, files
    that were written, and how many messages are no longer known."""

    made: Mapping[Month, int]
    gone: Mapping[Month, int]
    files: Sequence[Path]
    forgotten: int


def sweep(*, now: datetime) -> int:
    """Do what `keep_months` does, with the archive that the settings name.

    Returns how many months came or went. An archive that cannot be written is told to the
    log: the events stay, and everything else goes on.
    """
    folder = settings.EVENT_ARCHIVE
    try:
        kept = keep_months(now=now, archive=Path(folder) if folder else None)
    except OSError as error:
        metrics.count("events.archive_failed")
        logger.error("The archive of events: %s", error, extra={"action": "archive_failed"})
        return 0
    return len(kept.made) + len(kept.gone)


def first_kept(now: datetime) -> Month:
    """Return the earliest month of which anything is kept: the whole of it is."""
    return Month.of(now - settings.RETENTION)


def keep_months(*, now: datetime, archive: Path | None = None) -> Kept:
    """Make the months ahead, let go of those that are too old, and forget their messages.

    With `archive`, what goes is written into that folder before. Whenever this is
    killed, the next run does the rest.

    :raises OSError: when the archive cannot be written; nothing of that month is gone then.
    :raises OperationalError: when the events are never to be had alone.
    """
    first = first_kept(now)
    made = make_months(first=first, now=now)
    gone: Counter[Month] = Counter()
    files: list[Path] = []
    for month in _expired(first):
        n, written = _let_go(month, folder=archive)
        gone[month] += n
        files += written
    if gone.total():
        hints.hint(hints.REFRESH_SEGMENTS)
    forgotten = _forget_messages(before=first.start - GRACE)
    return Kept(made=made, gone=gone, files=files, forgotten=forgotten)


def _expired(first: Month) -> Iterator[Month]:
    yield from (month for month in months() if month < first)
    # In the default partition, or in the one table there is.
    while oldest := _oldest(before=first.start):
        yield Month.of(oldest)


def _oldest(*, before: datetime) -> datetime | None:
    found = Event.objects.filter(timestamp__lt=before).aggregate(oldest=Min("timestamp"))
    oldest: datetime | None = found["oldest"]
    return oldest


def _let_go(month: Month, *, folder: Path | None) -> tuple[int, Sequence[Path]]:
    remove = _drop if is_partitioned() else _delete
    while True:
        last = events_in(month).aggregate(last=Max("pk"))["last"] or 0
        archive = write_archive(month, folder=folder, last=last) if folder else None
        gone = remove(month, last, archive)
        files = archive.files if archive else ()
        if gone is not None:
            return gone, files
        for file in files:  # it changed while it was written
            file.unlink()


def _drop(month: Month, last: int, archive: Archive | None) -> int | None:
    """Drop the month as a whole; None when it is not what the archive has."""

    def drop() -> int | None:
        with alone() as cursor:
            now = events_in(month).aggregate(n=Count("pk"), last=Max("pk"))
            if archive and (now["n"], now["last"] or 0) != (archive.n, last):
                return None
            _mark(events_in(month))
            drop_month(month, cursor)
            events_in(month).delete()  # in the default partition
            return int(now["n"])

    return patiently(drop)


def _delete(month: Month, last: int, archive: Archive | None) -> int:
    """Delete what there was, by and by, so that others get their turn to write."""
    events, n = events_in(month).filter(pk__lte=last), 0
    while numbers := list(events.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        portion = events.filter(pk__lte=numbers[-1])
        with transaction.atomic(database()):
            _mark(portion)
            n += portion.delete()[0]
    return n


def _mark(events: QuerySet[Event]) -> None:
    """Have the profiles of the events rebuilt."""
    identities = Identity.objects.filter(pk__in=events.values("identity"))
    Snapshot.objects.filter(profile__in=identities.values("profile")).update(plan="")


def _forget_messages(*, before: datetime) -> int:
    """Forget messages that were stored earlier, in portions; return how many."""
    connection, total = connections[database()], 0
    table = StoredMessage._meta.db_table
    sql = (
        f"DELETE FROM {table} WHERE (source_id, message_id) IN"  # noqa: S608 - our own names
        f" (SELECT source_id, message_id FROM {table} WHERE stored_at < %s LIMIT {CHUNK})"
    )
    with connection.cursor() as cursor:
        while True:
            cursor.execute(sql, [connection.ops.adapt_datetimefield_value(before)])
            total += (n := int(cursor.rowcount))
            if n < CHUNK:
                return total
