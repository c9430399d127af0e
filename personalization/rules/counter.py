"""How often and when something happened: the newest instants decide every sliding window."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from operator import neg
from typing import Any

from personalization.rules.matcher_need import MatcherNeed
from personalization.rules.occurrence import Occurrence
from personalization.types import Json, Microseconds


@dataclass(frozen=True, slots=True)
class Counter:
    """How often and when events of one matcher happened to one profile.

    `newest` holds at most the size asked for of the newest timestamps, newest
    first; `total` counts all.
    """

    newest: tuple[Microseconds, ...] = ()
    total: int = 0
    first: Microseconds | None = None

    def add(self, at: Microseconds, *, size: int | None) -> Counter:
        """Return the counter with one more event at the instant `at`."""
        place = bisect_left(self.newest, -at, key=neg)
        newest = self.newest
        if size is None:
            newest = (*newest[:place], at, *newest[place:])
        elif place < size:
            newest = (*newest[:place], at, *newest[place : size - 1])
        first = at if self.first is None else min(self.first, at)
        return Counter(newest, self.total + 1, first)

    @property
    def last(self) -> Microseconds | None:
        return self.newest[0] if self.newest else None

    def ahead(self, now: Microseconds) -> int:
        """Return how many of the newest lie after `now`."""
        newest = self.newest
        if not newest or newest[0] <= now:
            return 0
        return bisect_left(newest, -now, key=neg)

    def tells_of(self, now: Microseconds) -> bool:
        """Return whether the newest up to `now` are known: later ones may have taken their room."""
        ahead = self.ahead(now)
        return not ahead or len(self.newest) > ahead or self.total == ahead


NO_EVENTS = Counter()


@dataclass(frozen=True)
class CounterNeed(MatcherNeed[Counter]):
    """A counter that must keep the `n` newest timestamps of `matcher` (None: all of them)."""

    n: int | None

    nothing = NO_EVENTS

    @property
    def size(self) -> int:
        return self.n or 0

    def take(self, kept: Counter, occurrence: Occurrence) -> Counter:
        return kept.add(occurrence.at, size=self.n)

    def union(self, other: CounterNeed) -> CounterNeed:
        return self if other.size <= self.size else other

    def unbounded(self) -> CounterNeed:
        return replace(self, n=None)

    def dump(self, kept: Counter) -> Json:
        return {"n": list(kept.newest), "t": kept.total, "f": kept.first}

    def load(self, stored: Any) -> Counter:
        return Counter(tuple(stored["n"]), stored["t"], stored["f"])
