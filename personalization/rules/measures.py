"""What an event leaf measures of its events, in memory: one class per aggregate.

Each says what has to be kept, and answers from it. The SQL of the same stands in
`measured`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias, TypeVar

from personalization.clock import site_zone
from personalization.rules.amount import LARGEST
from personalization.rules.compare import Comparison, Operator
from personalization.rules.counter import Counter, CounterNeed
from personalization.rules.groups import Group
from personalization.rules.latest import Latest, LatestNeed
from personalization.rules.matcher import Matcher
from personalization.rules.need import AnyNeed
from personalization.rules.presence import (
    AverageTally,
    CountTally,
    DistinctTally,
    SumTally,
    Tally,
    average_holds,
    sum_holds,
    swept,
)
from personalization.rules.series import SeriesNeed
from personalization.rules.state import Answer, Facts, every, negate
from personalization.rules.threshold import Threshold
from personalization.rules.totals import TotalsNeed
from personalization.rules.values import Amounts, Days, Moments, Scalars
from personalization.rules.where import Prop
from personalization.rules.window import Window
from personalization.types import Microseconds


@dataclass(frozen=True)
class Measure(ABC):
    """A number measured of the events of `matcher` in `window`, held against `threshold`."""

    matcher: Matcher
    window: Window
    threshold: Threshold

    @abstractmethod
    def needs(self) -> tuple[AnyNeed, ...]: ...

    @abstractmethod
    def answer(self, facts: Facts, now: Microseconds) -> Answer: ...

    def _swept(self, need: SeriesNeed, tally: Tally, facts: Facts, now: Microseconds) -> Answer:
        start = self.window.start(facts, now)
        series = facts.kept(need)
        if start is not None and not series.reaches(start):
            series = facts.read(need)
        return swept(self.window.presences(series.points, facts, now), tally, now=now)


@dataclass(frozen=True)
class Count(Measure):
    """How many events there are."""

    @cached_property
    def _need(self) -> CounterNeed | SeriesNeed:
        if self.window.until is not None:
            return SeriesNeed(self.matcher, Moments(), self.window.horizon)
        return CounterNeed(self.matcher, self.threshold.least)

    def needs(self) -> tuple[AnyNeed, ...]:
        return (self._need,)

    def answer(self, facts: Facts, now: Microseconds) -> Answer:
        need = self._need
        if isinstance(need, SeriesNeed):
            return self._swept(need, CountTally(self.threshold), facts, now)
        counter = facts.kept(need)
        if not counter.tells_of(now):
            counter = facts.read(need)
        return compared(self.threshold, lambda n: _at_least(n, counter, self.window, facts, now))


T = TypeVar("T")

#: Answers “at least n”, from which every other comparison of a count follows.
AtLeast: TypeAlias = Callable[[int], Answer]


def compared(threshold: Threshold, at_least: AtLeast) -> Answer:
    """Return the test made of “at least n” and its complement alone, as in SQL.

    So zero events satisfy “< 1”, “<= 1” and “= 0”, as the reference of rules says.
    """
    operator, value = threshold.operator, int(threshold.value)
    if operator in ("<", "<=", "!="):
        return negate(compared(threshold.complement, at_least))
    if operator == "=":
        return every([at_least(value), negate(at_least(value + 1))])
    return at_least(value + (operator == ">"))


def _at_least(n: int, counter: Counter, window: Window, facts: Facts, now: Microseconds) -> Answer:
    """Answer “at least n” from the newest timestamps (at least n of them are kept).

    Met by its n-th newest event at t, a sliding window stops being met at t + its length.
    """
    if n <= 0:
        return Answer(True)
    newest, ahead = counter.newest, counter.ahead(now)
    seen = newest[ahead:] if ahead else newest
    upcoming = newest[ahead - 1] if ahead else None
    if not window.slides:
        met = counter.total - ahead >= n
        return Answer(met, None if met else upcoming)
    start = window.start(facts, now)
    if start is None or len(seen) < n or seen[n - 1] <= start:
        return Answer(False, upcoming)
    ends = [seen[n - 1] + window.length] if window.length is not None else []
    if window.in_visit and facts.visit is not None and facts.visit.end is not None:
        ends.append(facts.visit.end)
    return Answer(True, min(ends, default=None))


@dataclass(frozen=True)
class Sum(Measure):
    """What the numbers at `path` add up to."""

    path: tuple[str, ...]

    @cached_property
    def _need(self) -> SeriesNeed | TotalsNeed:
        if self.window.slides:
            return SeriesNeed(self.matcher, Amounts(self.path), self.window.horizon)
        return TotalsNeed(self.matcher, self.path)

    def needs(self) -> tuple[AnyNeed, ...]:
        return (self._need,)

    def answer(self, facts: Facts, now: Microseconds) -> Answer:
        need = self._need
        if isinstance(need, SeriesNeed):
            return self._swept(need, self._tally(), facts, now)
        totals = facts.kept(need)
        if totals.tells_of(now):
            return Answer(self._holds(totals.n, totals.total))
        before = facts.read(need, until=now)  # we look at the past
        return Answer(self._holds(before.n, before.total), facts.upcoming(need, now=now))

    def _tally(self) -> Tally:
        return SumTally(self.threshold)

    def _holds(self, n: int, total: int) -> bool:
        return sum_holds(self.threshold, total)


@dataclass(frozen=True)
class Average(Sum):
    """What they are on average."""

    def _tally(self) -> Tally:
        return AverageTally(self.threshold)

    def _holds(self, n: int, total: int) -> bool:
        return average_holds(self.threshold, n=n, total=total)


@dataclass(frozen=True)
class Distinct(Measure):
    """How many different values there are at `path`; days where there is no path."""

    path: tuple[str, ...] | None = None

    @cached_property
    def _need(self) -> LatestNeed | SeriesNeed:
        values = Days(site_zone()) if self.path is None else Scalars(self.path)
        if self.window.until is not None:
            return SeriesNeed(self.matcher, values, self.window.horizon)
        return LatestNeed(self.matcher, values, self.threshold.least)

    def needs(self) -> tuple[AnyNeed, ...]:
        return (self._need,)

    def answer(self, facts: Facts, now: Microseconds) -> Answer:
        need = self._need
        if isinstance(need, SeriesNeed):
            return self._swept(need, DistinctTally(self.threshold), facts, now)
        latest: Latest = facts.kept(need)
        upcoming = None
        if not latest.tells_of(now):
            upcoming = facts.upcoming(need, now=now)
            latest = facts.read(need, until=now)
        instants = tuple(at for at, _ in latest.points)
        counter = Counter(instants, len(instants), instants[-1] if instants else None)
        answer = compared(self.threshold, lambda n: _at_least(n, counter, self.window, facts, now))
        return _no_later(answer, upcoming)


def _no_later(answer: Answer, upcoming: Microseconds | None) -> Answer:
    """Return `answer` with a change at `upcoming` at the latest."""
    changes = [at for at in (answer.changes, upcoming) if at is not None]
    return Answer(answer.holds, min(changes, default=None))


@dataclass(frozen=True)
class Extreme(Measure):
    """The smallest or largest number at `path`: decided by counting those beyond a bound."""

    path: tuple[str, ...]
    largest: bool = True

    @cached_property
    def any(self) -> Count:
        return self._count()

    @cached_property
    def reaching(self) -> Count:
        """Those at least as far out as the value."""
        return self._count(">=" if self.largest else "<=")

    @cached_property
    def passing(self) -> Count:
        """Those farther out than the value."""
        return self._count(">" if self.largest else "<")

    def _count(self, operator: Operator | None = None) -> Count:
        value = self.threshold.value
        tests = [(">=", float(-LARGEST)), ("<=", float(LARGEST))]
        tests += [(operator, value)] if operator else []
        props = [Prop(self.path, Comparison(op, (bound,))) for op, bound in tests]  # type: ignore[arg-type]
        also = (self.matcher.where,) if self.matcher.where is not None else ()
        matcher = replace(self.matcher, where=Group("and", (*props, *also)))
        return Count(matcher, self.window, Threshold(">=", 1))

    @property
    def _parts(self) -> Iterable[Count]:
        return (self.any, self.reaching, self.passing)

    def needs(self) -> tuple[AnyNeed, ...]:
        return tuple(need for part in self._parts for need in part.needs())

    def answer(self, facts: Facts, now: Microseconds) -> Answer:
        return self.combined(lambda part: part.answer(facts, now), both=every, complement=negate)

    def combined(
        self,
        of: Callable[[Count], T],
        *,
        both: Callable[[Iterable[T]], T],
        complement: Callable[[T], T],
    ) -> T:
        """Return the test made of whether there are numbers, and some beyond the value."""
        operator = self.threshold.operator
        if operator in ("=", "!="):
            equal = both([of(self.reaching), complement(of(self.passing))])
            return equal if operator == "=" else complement(equal)
        if operator == (">=" if self.largest else "<="):
            return of(self.reaching)
        if operator == (">" if self.largest else "<"):
            return of(self.passing)
        beyond = self.passing if operator in ("<=", ">=") else self.reaching
        return both([of(self.any), complement(of(beyond))])
