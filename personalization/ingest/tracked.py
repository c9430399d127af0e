"""The source of what pages of the site report of themselves, kept in memory for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connections, router

from personalization.conf import settings
from personalization.events.models import Source
from personalization.events.write_keys import source_of
from personalization.ingest.capture import site_source

FRESH = timedelta(minutes=1)


@dataclass(frozen=True)
class _Read:
    key: str
    source: Source
    at: datetime


_read: _Read | None = None


def tracked_source(*, now: datetime) -> Source:
    """Return the source of the tracker in the pages, or that of the site's own code where the
    tracker has none.

    What a page and the tracker in it say under one message id is of one source then, and is
    stored once.
    """
    global _read
    known = _read  # another thread may replace it meanwhile
    if known and known.key == settings.TRACKER_KEY and timedelta(0) <= now - known.at < FRESH:
        return known.source
    key = settings.TRACKER_KEY
    source = (source_of(key, now=now) if key else None) or site_source()
    # What a transaction has read may never come to be.
    if not connections[router.db_for_write(Source)].in_atomic_block:
        _read = _Read(key, source, now)
    return source


def forget_tracked_source() -> None:
    """Ask the database again."""
    global _read
    _read = None
