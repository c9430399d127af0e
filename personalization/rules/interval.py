"""Spans of time."""

from __future__ import annotations

from dataclasses import dataclass

from personalization.types import Microseconds


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open span of time; `end` None means without an end in sight."""

    start: Microseconds
    end: Microseconds | None = None

    def contains(self, instant: Microseconds) -> bool:
        return self.start <= instant and not self.over(instant)

    def over(self, instant: Microseconds) -> bool:
        return self.end is not None and self.end <= instant

    def next_edge(self, after: Microseconds) -> Microseconds | None:
        """Return the first of its two ends later than `after`."""
        if self.start > after:
            return self.start
        return None if self.over(after) else self.end
