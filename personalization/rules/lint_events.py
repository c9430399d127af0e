"""Statements about the events of a profile, and which of them follow from which.

The ages of events are whole microseconds, so every window is a span of ages, and “within” and
“after” are comparisons of whole numbers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import inf

from personalization.clock import span
from personalization.rules.lint_formula import Atom, Literal
from personalization.rules.lint_matchers import (
    narrower,
    nothing_else,
    nothing_matches,
    within_name_and_dates,
)
from personalization.rules.matcher import Matcher
from personalization.rules.window import Window
from personalization.types import Microseconds

#: No day of a time zone is shorter, not even when the clocks are put forward.
_SHORTEST_DAY = span(timedelta(hours=20))
#: What is counted: events, calendar days, or the different values of a property.
EVENTS, DAYS, VALUES = "events", "days", "values of "


@dataclass(frozen=True, slots=True)
class Ages:
    """Events at least `least` and at most `most` old (None: of any age)."""

    least: Microseconds = 0
    most: Microseconds | None = None
    in_visit: bool = False

    @classmethod
    def of(cls, window: Window) -> Ages:
        most = None if window.length is None else window.length - 1
        return cls(window.delay, most, window.in_visit)

    def within(self, other: Ages) -> bool:
        """Return whether every event in this span lies in the other, too."""
        if self.least < other.least or (other.in_visit and not self.in_visit):
            return False
        return other.most is None or (self.most is not None and self.most <= other.most)


@dataclass(frozen=True)
class EventAtom(Atom):
    """A statement about the events of `matcher`."""

    matcher: Matcher

    @property
    def topics(self) -> frozenset[str]:
        return frozenset({f"event:{self.matcher.event}"})

    def impossible(self) -> bool:
        """Return whether it never holds, whatever else does."""
        return nothing_matches(self.matcher)

    @abstractmethod
    def implies(self, other: EventAtom) -> bool:
        """Return whether the other holds wherever this one does."""

    def replaces(self, other: EventAtom) -> bool:
        """Return whether the other holds wherever this one does not."""
        return False

    def clashes(self, holds: bool, asserted: Sequence[Literal]) -> bool:
        if holds and self.impossible():
            return True
        for each in asserted:
            if not isinstance(other := each.atom, EventAtom):
                continue
            if holds and not each.holds and self.implies(other):
                return True
            if not holds and each.holds and other.implies(self):
                return True
            if not (holds or each.holds) and (self.replaces(other) or other.replaces(self)):
                return True
        return _nothing_left([*asserted, Literal(self, holds)])


@dataclass(frozen=True)
class AtLeast(EventAtom):
    """At least `n` (1 or more) events, or days, or values, of `ages`."""

    ages: Ages
    n: int
    of: str = EVENTS

    def impossible(self) -> bool:
        return super().impossible() or (self.of == DAYS and self.n > _most_days(self.ages))

    def implies(self, other: EventAtom) -> bool:
        if not isinstance(other, AtLeast):
            return isinstance(other, Often) and other.follows_from(self)
        if self.of != other.of and other.of != EVENTS:  # a day or a value takes an event
            return False
        return self.n >= other.n and self.concerns(other)

    def concerns(self, other: AtLeast) -> bool:
        return self.ages.within(other.ages) and narrower(self.matcher, other.matcher)


def _most_days(ages: Ages) -> float:
    """Return how many calendar days a span of ages touches at most."""
    if ages.most is None:
        return inf
    return (ages.most - ages.least) // _SHORTEST_DAY + 2


@dataclass(frozen=True)
class Reaches(EventAtom):
    """The numbers at `path` add up to at least `least` (a sum), in millionths; or there are
    some and their average is at least so much, or more than that if it is `beyond`."""

    ages: Ages
    path: tuple[str, ...]
    least: int
    average: bool = False
    beyond: bool = False

    def implies(self, other: EventAtom) -> bool:
        if isinstance(other, AtLeast):
            some_events = self.average or self.least > 0
            return some_events and other.n == 1 and self._one_is_enough(other)
        if not isinstance(other, Reaches):
            return False
        if (self.least, self.beyond) < (other.least, other.beyond):
            return False
        return self._subject() == other._subject()

    def replaces(self, other: EventAtom) -> bool:
        """Less than nothing takes events, too."""
        if self.average or self.least > 0 or not isinstance(other, AtLeast):
            return False
        return other.n == 1 and self._one_is_enough(other)

    def _one_is_enough(self, other: AtLeast) -> bool:
        one = AtLeast(self.matcher, self.ages, 1)
        return other.of == EVENTS and one.concerns(other)

    def _subject(self) -> tuple[object, ...]:
        return self.matcher.id, self.ages, self.path, self.average


@dataclass(frozen=True)
class Often(EventAtom):
    """In at least `at_least` of the newest `periods`, each `period` µs long, there are `least`
    to `most` (None: any number of) events; `least` is 1 or more."""

    period: Microseconds
    periods: int
    at_least: int
    least: int
    most: int | None = None

    def implies(self, other: EventAtom) -> bool:
        if isinstance(other, AtLeast):
            whole = Ages(0, self.period * self.periods - 1)
            total = AtLeast(self.matcher, whole, self.at_least * self.least)
            return total.implies(other)
        if not isinstance(other, Often) or self.period != other.period:
            return False
        lost = max(0, self.periods - other.periods)
        if self.at_least - lost < other.at_least or self.least < other.least:
            return False
        if other.most is None:
            return narrower(self.matcher, other.matcher)
        same = self.matcher.id == other.matcher.id
        return same and self.most is not None and self.most <= other.most

    def follows_from(self, count: AtLeast) -> bool:
        """Return whether so many events within a single period are enough."""
        most = count.ages.most
        if self.at_least > 1 or self.most is not None or most is None or count.of != EVENTS:
            return False
        place = count.ages.least // self.period
        return (
            place < self.periods
            and most < (place + 1) * self.period
            and count.n >= self.least
            and narrower(count.matcher, self.matcher)
        )


def _nothing_left(asserted: Sequence[Literal]) -> bool:
    """Return whether there are events, and together all that are excluded are all there can be."""
    counts = [(each.atom, each.holds) for each in asserted if isinstance(each.atom, AtLeast)]
    excluded = [atom for atom, holds in counts if not holds and atom.n == 1 and atom.of == EVENTS]
    if len(excluded) < 2:
        return False
    return any(_covered(atom, excluded) for atom, holds in counts if holds)


def _covered(atom: AtLeast, excluded: Sequence[AtLeast]) -> bool:
    """Return whether every event of `atom` is among those excluded, whatever its age is."""
    concerned = [
        each
        for each in excluded
        if within_name_and_dates(atom.matcher, each.matcher)
        and (atom.ages.in_visit or not each.ages.in_visit)
    ]
    if len(concerned) < 2:
        return False
    edges = {atom.ages.least}
    for each in concerned:
        edges |= {each.ages.least} | (set() if each.ages.most is None else {each.ages.most + 1})
    ages = atom.ages
    starts = sorted(e for e in edges if e >= ages.least and (ages.most is None or e <= ages.most))
    # Between two edges, the same ones concern every age.
    return all(
        nothing_else(
            atom.matcher,
            [
                each.matcher
                for each in concerned
                if Ages(start, start, ages.in_visit).within(each.ages)
            ],
        )
        for start in starts
    )
