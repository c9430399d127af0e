"""How long after its instant a membership is left, with no event and many of them at once."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from personalization import bulk, signals
from personalization.clock import microseconds
from personalization.management.commands.run_worker import Worker
from personalization.rules.occurrence import Occurrence
from personalization.segments.models import Segment
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships
from project.benchmarks.database import throwaway_database
from project.benchmarks.results import Effort, Result
from project.benchmarks.rules_world import happened, row_of, seed_visitors, source, store

WINDOW = timedelta(hours=1)
#: Memberships that end per second: 100,000 in a minute.
RATE = 100_000 / 60
#: Seconds between two rounds: those of `run_worker`, and of Celery beat.
PAUSES = {"": 0.5, "_by_beat": 1.0}
#: Seconds that it takes to prepare one membership, at most, and to begin.
PREPARING, BEGINNING = 0.002, 5.0


def departure_results(effort: Effort) -> Iterator[Result]:
    for suffix, pause in PAUSES.items():
        lags = sorted(_lags(effort.departures, pause=pause, by_beat=bool(suffix)))
        seconds = max(effort.departures / RATE, 1.0)
        yield Result(
            name=f"departure_lag_p99{suffix}_seconds",
            value=lags[int(len(lags) * 0.99)],
            unit="s",
            floor=f"its exact instant; {len(lags):,} memberships that end within {seconds:.0f} s, "
            f"a round every {pause} s; the slowest: {lags[-1]:.2f} s",
        )


def _lags(n: int, *, pause: float, by_beat: bool) -> list[float]:
    """Return how many seconds after its instant each departure was told."""
    lags: list[float] = []

    def left(sender: type, at: datetime, **_: Any) -> None:
        lags.append((timezone.now() - at).total_seconds())

    with throwaway_database():
        first = _prepare(n)
        signals.segment_left.connect(left)
        try:
            time.sleep(max((first - timezone.now()).total_seconds(), 0.0))
            work = settle_memberships if by_beat else Worker()
            while len(lags) < n:
                began = time.monotonic()
                work(now=timezone.now())
                # Beat does not wait for the end of a round before it begins the next pause.
                spent = time.monotonic() - began if by_beat else 0.0
                time.sleep(max(pause - spent, 0.0))
        finally:
            signals.segment_left.disconnect(left)
    return lags


def _prepare(n: int) -> datetime:
    """Make `n` memberships that end at random instants; return the first that is possible."""
    Segment.objects.create(
        slug="lookers",
        name="Lookers",
        rule={
            "version": 1,
            "root": {"combinator": "and", "rules": [happened("Product Viewed", 1, last="PT1H")]},
        },
    )
    rng = random.Random(1)  # noqa: S311 - the same instants every time
    first = timezone.now() + timedelta(seconds=BEGINNING + n * PREPARING)
    visitors = seed_visitors(n)
    source_id = source().pk
    seconds = max(n / RATE, 1.0)

    def rows() -> Iterator[bulk.Row]:
        for number, identity_id in enumerate(visitors.identity_ids):
            at = first - WINDOW + timedelta(seconds=seconds * rng.random())
            what = Occurrence("track", "Product Viewed", {}, microseconds(at), str(number))
            yield row_of(what, identity_id=identity_id, source_id=source_id, at=at)

    store(rows())
    refresh_segments(now=timezone.now())
    return first
