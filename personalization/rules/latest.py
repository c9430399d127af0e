"""The newest instant of each distinct value: decides how many there are in any window.

At least n values within a window means that the n-th newest of these instants lies in it.
So of all values only the n that were seen last have to be kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from personalization.rules.matcher_need import MatcherNeed
from personalization.rules.occurrence import Occurrence
from personalization.rules.values import Value, Values
from personalization.types import Json, Microseconds


@dataclass(frozen=True, slots=True)
class Latest:
    """Newest instants with the key of their value, newest first; each key once."""

    points: tuple[tuple[Microseconds, Value], ...] = ()

    def tells_of(self, now: Microseconds) -> bool:
        """Return whether nothing after `now` hides what was there before."""
        return not self.points or self.points[0][0] <= now


NO_VALUES = Latest()


@dataclass(frozen=True)
class LatestNeed(MatcherNeed[Latest]):
    """The `n` values of the events of `matcher` that were seen last (None: all of them)."""

    values: Values
    n: int | None

    nothing = NO_VALUES

    @property
    def what(self) -> str:
        return f"latest {self.values.what}"

    @property
    def size(self) -> int:
        return self.n or 0

    def take(self, kept: Latest, occurrence: Occurrence) -> Latest:
        key = self.values.of(occurrence)
        if key is None:
            return kept
        newest = {known: at for at, known in kept.points}
        newest[key] = max(occurrence.at, newest.get(key, occurrence.at))
        points = sorted(((at, known) for known, at in newest.items()), reverse=True)
        return Latest(tuple(points[: self.n]))

    def union(self, other: LatestNeed) -> LatestNeed:
        return self if other.size <= self.size else other

    def unbounded(self) -> LatestNeed:
        return replace(self, n=None)

    def dump(self, kept: Latest) -> Json:
        return [list(point) for point in kept.points]

    def load(self, stored: Any) -> Latest:
        return Latest(tuple((at, key) for at, key in stored))
