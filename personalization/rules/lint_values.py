"""Tests of one value, such as a trait: whether they can all be true of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations, pairwise

from personalization.rules.compare import Comparison, Scalar
from personalization.rules.lint_formula import Atom, Literal
from personalization.types import Json

#: A comparison, and whether it holds.
Test = tuple[Comparison, bool]

_SAME = frozenset({"=", "in"})
#: No value of a rule is equal to it, nor a part of it: what is neither text nor a scalar.
_OTHER: Json = []


@dataclass(frozen=True)
class Value(Atom):
    """A comparison with the value of `subject`, such as `trait:plan`.

    `choices` are all the values that it can have, if they are few. Two are equal by what is
    written (`form`): Python takes 1 and true for the same, and rules do not.
    """

    subject: str
    comparison: Comparison = field(compare=False)
    choices: tuple[Scalar, ...] | None = field(default=None, compare=False)
    form: str = field(init=False)

    def __post_init__(self) -> None:
        form = json.dumps([self.comparison.operator, *self.comparison.values])
        object.__setattr__(self, "form", form)

    @property
    def topics(self) -> frozenset[str]:
        return frozenset({self.subject})

    def clashes(self, holds: bool, asserted: Sequence[Literal]) -> bool:
        others = (
            (each.atom, each.holds)
            for each in asserted
            if isinstance(each.atom, Value) and each.atom.subject == self.subject
        )
        return not _can_be(((self, holds), *others))


@lru_cache(maxsize=4096)
def _can_be(said: tuple[tuple[Value, bool], ...]) -> bool:
    """Return whether some value may be as is said of it."""
    tests = [(value.comparison, holds) for value, holds in said]
    choices = said[0][0].choices
    if choices is not None:
        return any(_passes(value, tests) for value in choices)
    if any(_passes(value, tests) for value in (None, _OTHER, True, False)):
        return True
    if any(_passes(number, tests) for number in _numbers(tests)):
        return True
    return _can_be_text(tests)


def _passes(value: Json, tests: Iterable[Test]) -> bool:
    return all(comparison.holds(value) is holds for comparison, holds in tests)


def _numbers(tests: Sequence[Test]) -> Iterator[float]:
    """Yield every number that the tests name, and one of each gap between them and beyond.

    Within a gap all numbers pass the same tests, so these stand for all there are.
    """
    named = sorted(
        {
            float(value)
            for comparison, _ in tests
            for value in comparison.values
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
    )
    yield from named
    yield from (low + (high - low) / 2 for low, high in pairwise(named))
    yield (named[0] * 2 if named[0] < 0 else 0.0) - 1 if named else 0.0
    if named:
        yield max(named[-1] * 2, 0.0) + 1


def _can_be_text(tests: Sequence[Test]) -> bool:
    """Return whether some text may pass: False is certain, True is not."""
    named = [
        [value for value in comparison.values if isinstance(value, str)]
        for comparison, holds in map(_positive, tests)
        if holds and comparison.operator in _SAME
    ]
    if named:
        return any(_passes(value, tests) for value in min(named, key=len))
    turned = [_positive(test) for test in tests]
    if any(not _of_text(comparison) for comparison, holds in turned if holds):
        return False
    if any(comparison.operator == "is set" and not holds for comparison, holds in turned):
        return False
    texts = [(comparison, holds) for comparison, holds in turned if _of_text(comparison)]
    return not any(_rules_out(one, other) for one, other in combinations(texts, 2))


def _positive(test: Test) -> Test:
    comparison, holds = test
    positive = comparison.positive
    return (comparison, holds) if positive is None else (positive, not holds)


def _of_text(comparison: Comparison) -> bool:
    """Return whether a text can pass the positive comparison."""
    return comparison.operator == "is set" or any(
        isinstance(value, str) for value in comparison.values
    )


def _rules_out(one: Test, other: Test) -> bool:
    """Return whether no text is as both tests say."""
    (first, holds), (second, also) = one, other
    if holds and also:
        return _differ(first, second)
    if holds is also:
        return False
    return _entails(first, second) if holds else _entails(second, first)


def _differ(one: Comparison, other: Comparison) -> bool:
    if one.operator != other.operator or one.operator not in ("starts with", "ends with"):
        return False
    a, b = sorted((str(one.values[0]), str(other.values[0])), key=len)
    return not (b.startswith(a) if one.operator == "starts with" else b.endswith(a))


def _entails(one: Comparison, other: Comparison) -> bool:
    """Return whether each text that passes `one` passes `other`, too (none names whole texts)."""
    if other.operator == "is set" or one == other:
        return True
    if one.operator in ("is set", "matches") or not one.values or not other.values:
        return False
    part, wanted = str(one.values[0]), str(other.values[0])
    match other.operator:
        case "contains":
            return wanted in part
        case "starts with":
            return one.operator == "starts with" and part.startswith(wanted)
        case "ends with":
            return one.operator == "ends with" and part.endswith(wanted)
    return False
