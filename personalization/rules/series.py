"""Values of events with their instants, as far back as a window looks.

Bounded: of a profile with more of them in the window, the newest are kept, and up to
which instant others were lost. For windows that reach further back, the log is read.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from personalization.rules.matcher_need import MatcherNeed
from personalization.rules.occurrence import Occurrence
from personalization.rules.values import Value, Values
from personalization.types import Json, Microseconds

#: How many values are kept of one profile; more in one window are unusual.
MOST = 250

Point: TypeAlias = tuple[Microseconds, Value]


@dataclass(frozen=True, slots=True)
class Series:
    """Points in the order of time. Up to the instant `lost`, others may be missing."""

    points: tuple[Point, ...] = ()
    lost: Microseconds | None = None

    def reaches(self, start: Microseconds) -> bool:
        """Return whether every point later than `start` is there."""
        return self.lost is None or self.lost <= start


NO_POINTS = Series()


@dataclass(frozen=True)
class SeriesNeed(MatcherNeed[Series]):
    """The `values` of the events of `matcher` within `horizon` µs before the newest of them."""

    values: Values
    horizon: Microseconds
    bound: int | None = MOST

    nothing = NO_POINTS

    @property
    def what(self) -> str:
        return self.values.what

    @property
    def size(self) -> int:
        return self.horizon

    def take(self, kept: Series, occurrence: Occurrence) -> Series:
        value = self.values.of(occurrence)
        if value is None:
            return kept
        points = list(kept.points)
        insort(points, (occurrence.at, value))
        return self._cut(points, kept.lost)

    def _cut(self, points: list[Point], lost: Microseconds | None) -> Series:
        """Drop what lies behind the horizon, then what is too much. Both by the newest point,
        never by the clock: what is kept is a function of the events."""
        if self.bound is None:
            return Series(tuple(points))
        oldest = points[-1][0] - self.horizon
        start = 0
        while points[start][0] <= oldest:
            start += 1
        if len(points) - start > self.bound:
            start = len(points) - self.bound
        if start:
            lost = points[start - 1][0] if lost is None else max(lost, points[start - 1][0])
        return Series(tuple(points[start:]), lost)

    def union(self, other: SeriesNeed) -> SeriesNeed:
        return self if other.horizon <= self.horizon else other

    def unbounded(self) -> SeriesNeed:
        return replace(self, bound=None)

    def dump(self, kept: Series) -> Json:
        return {"p": [list(point) for point in kept.points], "l": kept.lost}

    def load(self, stored: Any) -> Series:
        return Series(tuple((at, value) for at, value in stored["p"]), stored["l"])
