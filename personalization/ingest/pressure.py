"""Back-pressure: when too much waits for the worker, clients are asked to come back later.

The backlog is counted at most once a second in each process, and no further than it
matters; all other requests cost a comparison. So a little more than the limit may be
kept: what comes within that second.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from random import SystemRandom

from personalization import metrics
from personalization.conf import settings
from personalization.events.buffer import buffer
from personalization.exceptions import TooMany

#: Seconds that clients are sent away for, at the limit and at twice the limit.
FIRST, LONGEST = 10, 300

_dice = SystemRandom()


@dataclass
class Gauge:
    """How many requests wait, as far as this process knows."""

    #: Seconds for which a count holds.
    fresh: float = 1.0
    counted_at: float = -math.inf
    depth: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def read(self, *, limit: int) -> int:
        """Return the depth of the buffer as of a moment ago, `limit` at most.

        :raises BufferUnavailable: when the buffer cannot be asked.
        """
        stale = time.monotonic() - self.counted_at >= self.fresh
        # One thread counts; the others need not wait for it.
        if stale and self._counting.acquire(blocking=False):
            try:
                self.depth = buffer().depth(limit=limit)
                self.counted_at = time.monotonic()
            finally:
                self._counting.release()
        return self.depth


gauge = Gauge()


def admit() -> None:
    """Let a request in that brings events.

    :raises TooMany: when as many wait as may.
    :raises BufferUnavailable: when the buffer cannot be asked.
    """
    limit = settings.BUFFER_LIMIT
    depth = gauge.read(limit=2 * limit)
    if depth >= limit:
        metrics.count("ingest.backlog_full")
        seconds = retry_after(depth, limit=limit, jitter=_dice.random())
        error = TooMany(
            f"{limit} requests wait to be processed, as many as may; try again in {seconds} s.",
            retry_after=seconds,
            code="backlog_full",
        )
        # Segment's browser library reads only this one, and as seconds to wait.
        error.headers["X-RateLimit-Reset"] = str(seconds)
        raise error


def retry_after(depth: int, *, limit: int, jitter: float) -> int:
    """Return for how many seconds to send a client away: the longer, the more wait.

    `jitter`, from 0 to 1, takes off up to a quarter, so that not all come back at once.
    """
    excess = min(max(depth / limit - 1, 0), 1)
    seconds = FIRST + (LONGEST - FIRST) * excess
    return math.ceil(seconds * (1 - jitter / 4))
