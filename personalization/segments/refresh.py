"""Bring every profile's memberships after rules have changed.

A pass over all profiles in chunks, each its own transaction, that can be killed at any
point and goes on from its cursor (`runs.Refresh` is its state). First every version that
is to be filled is filled, beside the one that serves. Then those that waited take over,
all at once. Last, in the background, those they replaced are cleaned up, and entries and
departures are told: of the difference only.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import DatabaseError, OperationalError

from personalization import metrics
from personalization.exceptions import PersonalizationError
from personalization.segments.backfill import backfill_chunk, can_backfill
from personalization.segments.beginning import begin
from personalization.segments.filling import fill_chunk
from personalization.segments.lease import Lease, LeaseLost
from personalization.segments.runs import Refresh
from personalization.segments.taking_over import clean_chunk, take_over

logger = logging.getLogger(__name__)

Progress = Callable[[int], None]

#: What may be wrong with one chunk and not with the process: kept with the run and shown.
FAILURES = (
    DatabaseError, PersonalizationError, ArithmeticError, AssertionError, LookupError, TypeError,
    ValueError,
)  # fmt: skip


def refresh_segments(
    *,
    now: datetime,
    progress: Progress = lambda done: None,
    budget: timedelta | None = None,
) -> int:
    """Refresh all pending segments and outdated snapshots; return how many profiles.

    With a `budget` it stops after about so long, and the next call goes on from there: so
    that events and departures do not wait meanwhile, and `now` does not grow old. While
    another worker is at it, nothing is done.
    """
    watch = _Stopwatch(budget)
    done = 0
    while (lease := begin(now=now)) is not None:
        n, failed = _work_through(lease, now, partial(_further, progress, done), watch)
        done += n
        if failed or watch.over():
            break
    return done


def _further(progress: Progress, before: int, done: int) -> None:
    progress(before + done)


class _Stopwatch:
    def __init__(self, budget: timedelta | None) -> None:
        seconds = math.inf if budget is None else budget.total_seconds()
        self._end = time.monotonic() + seconds

    def over(self) -> bool:
        return time.monotonic() >= self._end


def _work_through(
    lease: Lease, now: datetime, progress: Progress, watch: _Stopwatch
) -> tuple[int, bool]:
    """Do chunk after chunk until the run is finished or the time is over.

    Returns how many profiles were done, and whether it failed.
    """
    done = 0
    try:
        while lease.run.phase != Refresh.Phase.FINISHED:
            if n := _chunk(lease, now):
                done += n
                progress(done)
            if watch.over():
                lease.release()
                break
    except LeaseLost:
        return done, True
    except OperationalError as error:  # a server that restarts: the next round goes on
        lease.fail(f"{type(error).__name__}: {error}")
        raise
    except FAILURES as error:
        lease.fail(f"{type(error).__name__}: {error}")
        metrics.count("segments.refresh_failed")
        logger.exception("A refresh failed.", extra={"action": "refresh_failed"})
        return done, True
    return done, False


def _chunk(lease: Lease, now: datetime) -> int:
    if lease.run.phase == Refresh.Phase.CLEANING:
        return clean_chunk(lease)
    n = backfill_chunk(lease, now=now) if can_backfill() else fill_chunk(lease, now=now)
    if not n:
        take_over(lease, now=now)
    return n
