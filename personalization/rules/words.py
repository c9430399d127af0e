"""Times, counts and instants as people say them."""

from __future__ import annotations

from datetime import timedelta

from personalization.clock import moment
from personalization.types import Microseconds

_UNITS = ((604800, "week"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def duration_words(duration: timedelta) -> str:
    """Return the length of time in the largest unit that leaves no remainder."""
    seconds = int(duration.total_seconds())
    if seconds == 86400:
        return "24 hours"
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    n = seconds // size
    return f"{n} {unit}{'' if n == 1 else 's'}"


def times_words(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times")


def at_words(instant: Microseconds, *, now: Microseconds) -> str:
    """Return how long ago `instant` was, or its date when that is long ago."""
    seconds = (now - instant) // 1_000_000
    if seconds >= 14 * 86400:
        return f"on {moment(instant):%Y-%m-%d}"
    for size, unit in _UNITS[1:]:
        if seconds >= size:
            n = seconds // size
            return f"{n} {unit}{'' if n == 1 else 's'} ago"
    return "just now"
