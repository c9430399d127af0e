"""What a leaf proposes so that its answer becomes another one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from personalization.clock import moment, site_zone, span
from personalization.rules.catalogue import Catalogue
from personalization.rules.change import Change, applied, happening
from personalization.rules.compare import shown
from personalization.rules.matcher import Matcher
from personalization.rules.need import AnyNeed
from personalization.rules.occurrence import Occurrence
from personalization.rules.shapes import Path, Shape, Shapes, variants
from personalization.rules.state import Answer, Facts
from personalization.rules.where import FieldTest, where_sentence
from personalization.types import Json, Microseconds

_SECOND, _MINUTE, _DAY = (span(timedelta(**{unit: 1})) for unit in ("seconds", "minutes", "days"))
#: Changes by time alone that are followed until the answer turns.
MAX_HOPS = 40
#: So many events cost as much as one question.
_FREE = 4
#: More events than this are nothing to propose.
MAX_EVENTS = 1001


class Answering(Protocol):
    """What a leaf is to whoever tries something on it."""

    def needs(self) -> tuple[AnyNeed, ...]: ...

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer: ...


class Exhausted(Exception):
    """The search has asked as often as it may."""


@dataclass
class Budget:
    """How often leaves may still be asked."""

    left: int

    def charge(self, events: int) -> None:
        """Take off for so many events that are put into facts."""
        self.left -= events // _FREE

    def answer(self, leaf: Answering, facts: Facts, *, now: Microseconds) -> Answer:
        """Return what `leaf` answers.

        :raises Exhausted: when it has been asked too often.
        """
        if self.left <= 0:
            raise Exhausted
        self.left -= 1
        return leaf.answer(facts, now=now)


@dataclass(frozen=True)
class Known:
    """What a rule tests of the values known of a visitor, by where they are kept: `traits`, …"""

    tests: Mapping[str, tuple[FieldTest, ...]]
    pools: Mapping[str, Mapping[Path, tuple[Json, ...]]]


@dataclass(frozen=True, kw_only=True)
class Repair:
    """One thing to do, in plain words and for machines. `effort` tells the nearer ones.

    What happens must happen `before` an instant where one is named.
    """

    words: str
    change: Change
    effort: float
    before: Microseconds | None = None
    #: Tells apart which leaf proposes it.
    leaf: int = 0

    @property
    def only_time(self) -> bool:
        """Return whether nothing happens but that time passes."""
        return self.change == Change(at=self.change.at)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A visitor at an instant, and what can be tried on them.

    Of several things that happen, each happens `pace` after the one before.
    """

    facts: Facts
    now: Microseconds
    pace: Microseconds
    catalogue: Catalogue
    shapes: Shapes
    known: Known
    budget: Budget
    #: How many events were made up so far: the number in what has to be a new value.
    number: int = 0

    def happening(self, shapes: Iterable[Shape], *, then: Microseconds = 0) -> Change:
        """Return that events of these shapes happen from now on, and `then` nothing so long."""
        at = self.now
        found: list[Occurrence] = []
        for shape in shapes:
            at += self.pace
            found.append(happening(shape.name, shape.properties, at=at))
        return Change(at=at + then, occurrences=tuple(found))

    def after(self, change: Change, leaf: Answering) -> Facts:
        """Return the facts that `leaf` would see."""
        # Without ids: what was made up has instants that tell it apart.
        return applied(change, self.facts, needs=leaf.needs())

    def answer(self, leaf: Answering, change: Change) -> Answer:
        """Return what `leaf` would answer after `change`. Many events count as many questions."""
        self.budget.charge(len(change.occurrences))
        return self.budget.answer(leaf, self.after(change, leaf), now=change.at)

    def fewest(
        self, leaf: Answering, make: Callable[[int], Change | None], *, wanted: bool, most: int
    ) -> int | None:
        """Return the least n for which `leaf` answers `wanted` after `make(n)`.

        More of the same must not take the answer back. None: not even with `most`.
        """

        def enough(n: int) -> bool:
            change = make(n)
            return change is not None and self.answer(leaf, change).holds is wanted

        low, high = 0, 1
        while not enough(high):
            low, high = high, min(2 * high, most)
            if low >= most:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle) else (middle, high)
        return high

    def wait(self, leaf: Answering, *, wanted: bool) -> Microseconds | None:
        """Return when time alone makes `leaf` answer `wanted`."""
        answer = self.budget.answer(leaf, self.facts, now=self.now)
        for _ in range(MAX_HOPS):
            at = answer.changes
            if at is None:
                return None
            answer = self.budget.answer(leaf, self.facts, now=at)
            if answer.holds is wanted:
                return at
        return None

    def values(
        self, space: str, goals: list[tuple[FieldTest, bool]], base: Mapping[str, Json]
    ) -> list[dict[str, Json]]:
        """Return what could become of values kept in `space`; only the keys that change."""
        paths = {test.path[0] for test, _ in goals}
        others = [
            test
            for test in self.known.tests[space]
            if test.path[0] in paths and (test, True) not in goals and (test, False) not in goals
        ]
        found = variants(goals, others, pool=self.known.pools[space], base=base, most=6)
        return [
            {key: value for key, value in one.items() if base.get(key) != value or key not in base}
            for one in found
        ]

    def instant(self, at: Microseconds, *, late: bool = False) -> str:
        return instant_words(at, now=self.now, late=late)


def waited(situation: Situation, at: Microseconds, words: str) -> Repair:
    """Return that time passes until `at`."""
    days = (at - situation.now) / _DAY
    return Repair(words=words, change=Change(at=at), effort=1 + min(days, 1000.0))


def happened(
    change: Change, words: str, *, situation: Situation, before: Microseconds | None = None
) -> Repair:
    """Return that events happen. Each costs a little, and so do the days that it takes."""
    days = (change.at - situation.now) / _DAY
    effort = 1 + 0.2 * len(change.occurrences) + min(days, 1000.0)
    if before is not None:
        words = f"{words} before {situation.instant(before)}"
    return Repair(words=words, change=change, effort=effort, before=before)


def becoming(
    test: FieldTest, space: str, situation: Situation, *, label: str, wanted: bool
) -> Iterator[Repair]:
    """Yield the values that something known of the visitor could become."""
    base: Mapping[str, Json] = getattr(situation.facts, space)
    for changed in situation.values(space, [(test, wanted)], base):
        value = test.value({**base, **changed})
        words = f"{label} becomes {'unknown' if value is None else shown(value)}"
        fields: dict[str, Any] = {space: changed}
        change = replace(Change(at=situation.now), **fields)
        yield Repair(words=words, change=change, effort=2)


def instant_words(at: Microseconds, *, now: Microseconds, late: bool = False) -> str:
    """Return when that is on the clock of the site, in whole minutes: “tomorrow 10:15”.

    A minute that is not over yet is left out; `late`: it counts.
    """
    zone = ZoneInfo(site_zone())
    if late:
        at += _MINUTE - _SECOND
    local, today = moment(at).astimezone(zone), moment(now).astimezone(zone).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    if local.date() == today + timedelta(days=1):
        return f"tomorrow {local:%H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def matcher_words(matcher: Matcher, catalogue: Catalogue) -> str:
    """Return an event in words, in quotes: “viewed a product where category is shoes”."""
    words = catalogue.phrase(matcher.event)
    if matcher.where is not None:
        words += f" where {where_sentence(matcher.where, catalogue, event=matcher.event)}"
    return words if "“" in words else f"“{words}”"


def more_words(n: int) -> str:
    return {1: "once more", 2: "twice more"}.get(n, f"{n} more times")
