"""What somebody had done until an instant: all that a feature may look at."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from operator import attrgetter

from personalization.clock import span
from personalization.ml.features.deeds import Deed
from personalization.types import Microseconds

DAY: Microseconds = span(timedelta(days=1))
SECOND: Microseconds = span(timedelta(seconds=1))


@dataclass(frozen=True, kw_only=True)
class Deeds:
    """Some of what somebody did, in its order, counted when first asked."""

    all: Sequence[Deed]

    @cached_property
    def names(self) -> Counter[str]:
        return Counter(deed.name for deed in self.all)

    @cached_property
    def sums(self) -> Counter[str]:
        """What profiles count, in the whole numbers that they count it in."""
        sums: Counter[str] = Counter()
        for deed in self.all:
            for name, amount in deed.counted:
                sums[name] += amount
        return sums

    @property
    def path(self) -> tuple[str, ...]:
        """The steps that paths are made of."""
        return tuple(deed.symbol for deed in self.all if deed.symbol)

    @property
    def seconds(self) -> float:
        """How long it took, from the first deed to the last."""
        return (self.all[-1].at - self.all[0].at) / SECOND if self.all else 0.0

    @property
    def pages(self) -> int:
        return self.sums["pages.count"]

    def n(self, names: Iterable[str]) -> int:
        """Return how many have one of the names."""
        return sum(self.names[name] for name in names)


@dataclass(frozen=True, kw_only=True)
class Past:
    """Deeds in their order, none later than `at`.

    A pause of `gap` ends a visit; hours and days of the week are of `zone`.
    """

    deeds: Sequence[Deed]
    at: Microseconds
    gap: Microseconds
    zone: str = "UTC"
    _windows: dict[int | None, Deeds] = field(default_factory=dict, repr=False, compare=False)
    _grams: dict[tuple[int, int], Counter[tuple[str, ...]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def last(self, days: int | None = None) -> Deeds:
        """Return the deeds of the last so many days, or all of them."""
        if days not in self._windows:
            self._windows[days] = Deeds(all=self.deeds[self._first(days) :])
        return self._windows[days]

    def _first(self, days: int | None) -> int:
        if days is None:
            return 0
        return bisect_right(self.deeds, self.at - days * DAY, key=attrgetter("at"))

    @cached_property
    def visits(self) -> tuple[Deeds, ...]:
        """The deeds by visit, the oldest first."""
        found: list[list[Deed]] = []
        for deed in self.deeds:
            if found and deed.at - found[-1][-1].at < self.gap:
                found[-1].append(deed)
            else:
                found.append([deed])
        return tuple(Deeds(all=visit) for visit in found)

    @property
    def newest(self) -> Deeds:
        """The newest visit, whether it goes on or not; nothing if there was none."""
        return self.visits[-1] if self.visits else Deeds(all=())

    @property
    def is_there(self) -> bool:
        """Whether the newest visit still goes on."""
        return bool(self.deeds) and self.at - self.deeds[-1].at < self.gap

    def age(self, names: Collection[str] | None = None) -> float:
        """Return how many days ago the last deed with one of the names was; NaN: never."""
        for deed in reversed(self.deeds):
            if names is None or deed.name in names:
                return (self.at - deed.at) / DAY
        return math.nan

    def grams(self, n: int, *, days: int) -> Counter[tuple[str, ...]]:
        """Return how often which `n` steps followed one another within a visit, of the last
        days."""
        if (n, days) not in self._grams:
            self._grams[n, days] = Counter(self._steps(n, self.at - days * DAY))
        return self._grams[n, days]

    def _steps(self, n: int, first: Microseconds) -> Iterator[tuple[str, ...]]:
        for visit in self.visits:
            if visit.all[-1].at > first:
                path = Deeds(all=[deed for deed in visit.all if deed.at > first]).path
                yield from zip(*(path[start:] for start in range(n)), strict=False)


def ratio(part: float, whole: float) -> float:
    """Return the ratio; NaN if there is nothing to divide by."""
    return part / whole if whole else math.nan


def mean(values: Sequence[float]) -> float:
    """Return the mean, NaN of none; adding up is exact, so that no order matters."""
    return ratio(math.fsum(values), len(values))
