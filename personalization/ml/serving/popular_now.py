"""What is popular now, in memory: as a worker has published it, or counted here where none does."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from personalization import metrics
from personalization.ml.feedback import item_events
from personalization.ml.serving.kept import Kept
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.popular_log import Log
from personalization.ml.serving.popular_row import CorruptCount, published

logger = logging.getLogger(__name__)

#: How old what is in memory may be.
FRESH: Final = timedelta(minutes=1)
#: And how old what is published: of a worker that counts no more, a process does without.
STALE: Final = timedelta(minutes=5)
#: So many events are counted where a visitor waits for it.
EVENTS: Final = 5000


def popular(*, now: datetime) -> Popular:
    """Return what is popular with visitors who agree to personalization (a query a minute)."""
    return _kept.at(now)


def forget() -> None:
    """Look anew (tests that roll the database back need it)."""
    _kept.forget()


def _read(before: Popular | None, now: datetime) -> Popular:
    try:
        found = published(since=now - STALE, now=now)
    except CorruptCount as error:
        metrics.count("popular.corrupt")
        logger.error(
            "What is popular is counted here instead: %s", error,
            extra={"action": "popular_corrupt"},
        )  # fmt: skip
        found = None
    return _counted(now) if found is None else found


def _counted(now: datetime) -> Popular:
    """Count in this process what no worker has counted."""
    metrics.count("popular.counted_here")
    return Log(n=EVENTS).count(events=item_events(), now=now)


_kept: Kept[Popular] = Kept(_read, fresh=FRESH)
