"""Count what is popular once a minute, where no visitor waits for it, and publish it.

The count is a function of the log: what a visitor did counts by who they are now, and not by who
they were when they did it. Of two workers that count at once the later count stands; one that is
killed has published nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from personalization.ml.feedback import stored_item_events
from personalization.ml.models import Item, PopularityCount
from personalization.ml.serving import popular_row
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.popular_log import CHUNK, Log

#: So many events are counted, and no more: events wait for a round of `run_worker`.
EVENTS: Final = 20_000
#: Whoever comes so shortly after another worker has nothing to do.
JUST: Final = timedelta(seconds=30)
#: The category is asked for of so many items that are not among the best of all.
_LOOKED_UP: Final = 10 * CHUNK

_log = Log(n=EVENTS)


def count_popularity(*, now: datetime) -> int:
    """Count anew and publish; return of how many events, 0 if another worker just did."""
    before = PopularityCount.objects.filter(pk=PopularityCount.Name.ITEMS)
    last = before.values_list("counted_at", "since", "events").first()
    counted_at, since, n = last or (None, None, 0)
    if counted_at is not None and timedelta(0) <= now - counted_at < JUST:
        return 0
    found = _log.count(events=stored_item_events(), now=now, since=since if n >= EVENTS else None)
    keys = popular_row.kept_keys(found, _categories(found))
    if not popular_row.publish(found, keys=keys, now=now):
        return 0
    return found.count.events if found.count else 0


def forget() -> None:
    """Read all events anew (tests that roll the database back need it)."""
    global _log
    _log = Log(n=EVENTS)


def _categories(found: Popular) -> dict[str, str]:
    """Return the categories of the items that are not among the best of all (no query where all
    items are among these)."""
    categories: dict[str, str] = {}
    left = (key for key, _score in found.ranked[popular_row.ITEMS :][:_LOOKED_UP])
    while chunk := list(islice(left, CHUNK)):
        rows = Item.objects.filter(key__in=chunk).exclude(category="")
        categories.update(rows.values_list("key", "category"))
    return categories
