"""Which events conditions on properties let through, and which of them others let through, too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import inf

from personalization.rules.groups import Group
from personalization.rules.interval import Interval
from personalization.rules.lint_formula import ALWAYS, Formula, Literal, every, opposite, some
from personalization.rules.lint_search import implied, impossible
from personalization.rules.lint_values import Value
from personalization.rules.matcher import Matcher
from personalization.rules.need import ANY
from personalization.rules.where import Where


def narrower(one: Matcher, other: Matcher) -> bool:
    """Return whether it is proven that each event of `one` is one of `other`, too."""
    if not within_name_and_dates(one, other):
        return False
    return other.where is None or _nothing_else(_Known(one), (_Known(other),))


def within_name_and_dates(one: Matcher, other: Matcher) -> bool:
    """Return whether each event of `one` is one of `other`, but for its properties."""
    if other.event not in (one.event, ANY):
        return False
    if other.between is None:
        return True
    return (
        one.between is not None
        and one.between.start >= other.between.start
        and _end(one.between) <= _end(other.between)
    )


def _end(between: Interval) -> float:
    return inf if between.end is None else between.end


@dataclass(frozen=True)
class _Known:
    """A matcher by its id, under which what was found out about it is remembered."""

    matcher: Matcher

    def __hash__(self) -> int:
        return hash(self.matcher.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self.matcher.id == other.matcher.id

    @property
    def formula(self) -> Formula:
        return ALWAYS if self.matcher.where is None else where_formula(self.matcher.where)


def nothing_else(one: Matcher, others: Iterable[Matcher]) -> bool:
    """Return whether it is proven that the properties of each event of `one` are as one of the
    `others` wants them."""
    return _nothing_else(_Known(one), tuple(_Known(other) for other in others))


def nothing_matches(matcher: Matcher) -> bool:
    """Return whether it is proven that no event can satisfy the conditions."""
    return matcher.where is not None and _never(_Known(matcher))


@lru_cache(maxsize=4096)
def _never(known: _Known) -> bool:
    return impossible(known.formula)


def where_formula(where: Where) -> Formula:
    """Return what conditions on the properties of an event demand of them."""
    parts = [
        where_formula(child)
        if isinstance(child, Group)
        else Literal(Value(f"prop:{child.name}", child.comparison))
        for child in where.children
    ]
    joined = every(parts) if where.combinator == "and" else some(parts)
    return opposite(joined) if where.negated else joined


@lru_cache(maxsize=4096)
def _nothing_else(one: _Known, others: tuple[_Known, ...]) -> bool:
    return implied(some([other.formula for other in others]), by=one.formula)
