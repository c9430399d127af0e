"""Objects that pass tests of their fields: the properties of an event, the traits of a visitor.

Found by going through the tree of tests with a few values for each field. Of all objects
that pass, those are told apart that differ in what *other* tests say of them: a rule can
want an event to count for one of its conditions and not for another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any, TypeAlias

from personalization.rules.compare import Comparison
from personalization.rules.groups import Group
from personalization.rules.matcher import Matcher
from personalization.rules.need import ANY
from personalization.rules.sample import samples
from personalization.rules.where import FieldTest, value_at
from personalization.types import Json

Path: TypeAlias = tuple[str, ...]
Tests: TypeAlias = "Group[FieldTest] | Group[Any] | FieldTest"
Goal: TypeAlias = tuple[Tests, bool]

#: A name that no rule speaks of.
SOMETHING = "Something Else"
#: Steps of one search; a guard against trees of tests that contradict each other.
MAX_STEPS = 3000
#: Beyond so many other tests, not every combination of them is tried.
_ALL_OF = 3


def passes(tests: Tests, data: Mapping[str, Json]) -> bool:
    """Return whether the object passes."""
    if not isinstance(tests, Group):
        return tests.holds(data)
    results = (passes(child, data) for child in tests.children)
    return (all(results) if tests.combinator == "and" else any(results)) != tests.negated


def pool_of(tests: Iterable[Tests]) -> dict[Path, tuple[Json, ...]]:
    """Return for every field that is tested the values to try."""
    found: dict[Path, list[Comparison]] = {}
    for each in tests:
        for test in each.leaves() if isinstance(each, Group) else (each,):
            found.setdefault(test.path, []).append(test.comparison)
    pool = {path: samples(comparisons) for path, comparisons in found.items()}
    for path in pool:
        if any(len(other) > len(path) and other[: len(path)] == path for other in pool):
            pool[path] = (None, {}, *pool[path][1:])  # an object, which the other is inside of
    return pool


@dataclass
class _Search:
    """Values for fields so that every goal is reached."""

    pool: Mapping[Path, Sequence[Json]]
    base: Mapping[str, Json]
    steps: int = 0

    def objects(self, goals: Sequence[Goal]) -> Iterator[dict[str, Json]]:
        for given in self._assigned(list(goals), {}):
            found = _built(self.base, given)
            if found is not None and all(passes(test, found) is want for test, want in goals):
                yield found

    def _assigned(self, goals: list[Goal], given: dict[Path, Json]) -> Iterator[dict[Path, Json]]:
        self.steps += 1
        if self.steps > MAX_STEPS:
            return
        if not goals:
            yield given
            return
        (tests, wanted), rest = goals[0], goals[1:]
        if isinstance(tests, Group):
            wanted = wanted is not tests.negated
            if (tests.combinator == "and") is wanted:
                yield from self._assigned([*((c, wanted) for c in tests.children), *rest], given)
            else:
                for child in tests.children:
                    yield from self._assigned([(child, wanted), *rest], given)
            return
        for value in self._values(tests.path, given):
            if tests.comparison.holds(value) is wanted:
                yield from self._assigned(rest, {**given, tests.path: value})

    def _values(self, path: Path, given: Mapping[Path, Json]) -> Sequence[Json]:
        if path in given:
            return (given[path],)
        known = value_at(path, self.base)
        if known is None:
            return self.pool[path]
        return (known, *(value for value in self.pool[path] if value is not None), None)


def _built(base: Mapping[str, Json], given: Mapping[Path, Json]) -> dict[str, Json] | None:
    """Return `base` with the values in their places; None where one is in the way of another."""
    found: dict[str, Json] = dict(base)
    for path in sorted(given, key=len):
        value, place = given[path], found
        if value == value_at(path, found) and type(value) is type(value_at(path, found)):
            continue
        for key in path[:-1]:
            inner = place.get(key)
            if inner is not None and not isinstance(inner, Mapping):
                return None
            copied: dict[str, Json] = dict(inner or {})
            place[key] = copied
            place = copied
        place[path[-1]] = value
    return found


def variants(
    goals: Sequence[Goal],
    others: Sequence[Tests],
    *,
    pool: Mapping[Path, Sequence[Json]],
    base: Mapping[str, Json],
    most: int,
) -> list[dict[str, Json]]:
    """Return objects that reach the goals, one for each thing that `others` can say of them."""
    found: list[dict[str, Json]] = []
    for signs in _signs(len(others)):
        search = _Search(pool, base)
        more = [*goals, *zip(others, signs, strict=True)]
        found += islice(search.objects(more), 1)
        if len(found) == most:
            break
    if not found:
        found += islice(_Search(pool, base).objects(goals), 1)
    return found


def _signs(n: int) -> Iterator[tuple[bool, ...]]:
    """Yield what `n` tests can say, the fewest that pass first."""
    if n <= _ALL_OF:
        yield from sorted(product((False, True), repeat=n), key=sum)
        return
    yield (False,) * n
    for place in range(n):
        yield tuple(number == place for number in range(n))
    yield (True,) * n


def _near(own: Tests | None, others: list[Tests]) -> list[Tests]:
    """Return the tests worth a thought: of many, those of the same fields."""
    if len(others) <= 2 * _ALL_OF or own is None:
        return others[: 2 * _ALL_OF]
    fields = set(pool_of([own]))
    return [each for each in others if fields & set(pool_of([each]))][: 2 * _ALL_OF]


@dataclass(frozen=True)
class Shape:
    """What an event that counts could look like."""

    name: str
    properties: Mapping[str, Json]


@dataclass
class Shapes:
    """The shapes of the events that `matchers` of one rule count."""

    matchers: Sequence[Matcher]
    _known: dict[tuple[str, str], tuple[Shape, ...]] = field(default_factory=dict)

    def of(
        self, matcher: Matcher, *, path: Path = (), value: Json = None, most: int = 6
    ) -> tuple[Shape, ...]:
        """Return shapes that `matcher` counts, with `value` at `path` if one is named."""
        key = (matcher.id, f"{path}{value!r}{most}")
        if key not in self._known:
            names = [matcher.event] if matcher.event != ANY else self._names()
            found = [shape for name in names for shape in self._of(name, matcher, path, value)]
            self._known[key] = tuple(found[:most])
        return self._known[key]

    def _names(self) -> list[str]:
        named = [matcher.event for matcher in self.matchers if matcher.event != ANY]
        return [SOMETHING, *dict.fromkeys(named)]

    def _of(self, name: str, matcher: Matcher, path: Path, value: Json) -> list[Shape]:
        wheres = {each.where: None for each in self.matchers if each.hears(name) and each.where}
        own = matcher.where
        goals: list[Goal] = [] if own is None else [(own, True)]
        tested: list[Tests] = [*wheres, *([] if own is None else [own])]
        if path:
            test = FieldTest(path, Comparison("=", (value,)))  # type: ignore[arg-type]
            goals, tested = [(test, True), *goals], [test, *tested]
        others = _near(own, [each for each in wheres if each != own])
        found = variants(goals, others, pool=pool_of(tested), base={}, most=6)
        return [Shape(name, properties) for properties in found]
