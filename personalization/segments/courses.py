"""How a rule goes on from an instant if nothing further happens: from when until when it holds.

Without new events, a condition on events in a window turns at most once: it stops holding
(`Ends`), or begins to (`Begins`). What follows from such conditions is, for most rules, one
span of time whose ends are the least or greatest of theirs. So SQL can tell it for a whole
population at once. Rules for which it is not are left to the evaluation in memory.

Instants are SQL of whole microseconds. A condition that speaks of events is answered from
`Columns`, which knows where the counters stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from personalization.clock import span
from personalization.rules.counter import CounterNeed
from personalization.rules.groups import Group
from personalization.rules.leaves.consent import ConsentLeaf
from personalization.rules.leaves.end import EndLeaf
from personalization.rules.leaves.event import EventLeaf
from personalization.rules.leaves.fields import FeatureLeaf, TraitLeaf
from personalization.rules.leaves.recency import RecencyLeaf
from personalization.rules.leaves.segment import SegmentLeaf
from personalization.rules.measures import Count
from personalization.rules.nodes import Leaf, Rule, RuleGroup
from personalization.rules.sql import Scope, Sql, conjunction, disjunction, negation
from personalization.rules.threshold import Threshold
from personalization.types import Microseconds

#: Later than every instant, and what is over long since.
NEVER_ENDS: Microseconds = 2**62
LONG_AGO: Microseconds = 0


class Unforeseen(Exception):
    """SQL cannot tell when this begins or ends."""


class Columns(Protocol):
    """Where the counters of one profile stand in a query."""

    def nth(self, need: CounterNeed, n: int) -> Sql:
        """Return the n-th newest instant, from 1 on; NULL: there are fewer."""

    def total(self, need: CounterNeed) -> Sql: ...

    def first(self, need: CounterNeed) -> Sql: ...


@dataclass(frozen=True)
class Constant:
    """Holds for good, or never."""

    condition: Sql


@dataclass(frozen=True)
class Span:
    """Holds from `begin` until `end`; None: since ever, for good."""

    begin: Sql | None = None
    end: Sql | None = None


Course: TypeAlias = "Constant | Span"


def course_of(rule: Rule, columns: Columns, scope: Scope) -> Span:
    """Return from when until when a linked rule holds, where no event lies after `scope.now`.

    It does not hold where the begin is not before the end.

    :raises Unforeseen: where it can hold, end, and hold again.
    """
    return _as_span(_group(rule.root, columns, scope))


def _group(group: RuleGroup, columns: Columns, scope: Scope) -> Course:
    parts = [
        _group(child, columns, scope) if isinstance(child, Group) else _leaf(child, columns, scope)
        for child in group.children
    ]
    joined = _every(parts) if group.combinator == "and" else _some(parts)
    return _not(joined) if group.negated else joined


def _every(parts: Sequence[Course]) -> Course:
    if conditions := [part.condition for part in parts if isinstance(part, Constant)]:
        constant = Constant(conjunction(conditions))
        if len(conditions) == len(parts):
            return constant
        parts = [*(part for part in parts if isinstance(part, Span)), _as_span(constant)]
    spans = [part for part in parts if isinstance(part, Span)]
    return Span(
        _most("GREATEST", [one.begin for one in spans if one.begin is not None]),
        _most("LEAST", [one.end for one in spans if one.end is not None]),
    )


def _some(parts: Sequence[Course]) -> Course:
    """Combine by OR: of spans that all end, or that all begin, it is a span again."""
    if len(parts) == 1:
        return parts[0]
    conditions = [part.condition for part in parts if isinstance(part, Constant)]
    if len(conditions) == len(parts):
        return Constant(disjunction(conditions))
    spans = [part for part in parts if isinstance(part, Span)]
    constants = [Constant(disjunction(conditions))] if conditions else []
    if all(one.begin is None for one in spans):
        spans += [_as_span(one) for one in constants]
        return Span(end=_most("GREATEST", [one.end for one in spans if one.end is not None]))
    if all(one.end is None for one in spans):
        begins = [one.begin for one in spans if one.begin is not None]
        begins += [_turn(one.condition, LONG_AGO, NEVER_ENDS) for one in constants]
        return Span(begin=_most("LEAST", begins))
    raise Unforeseen


def _not(part: Course) -> Course:
    if isinstance(part, Constant):
        return Constant(negation(part.condition))
    if part.begin is None:
        return Span(begin=part.end)
    if part.end is None:
        return Span(end=part.begin)
    raise Unforeseen


def _as_span(part: Course) -> Span:
    if isinstance(part, Span):
        return part
    return Span(end=_turn(part.condition, NEVER_ENDS, LONG_AGO))


def _turn(condition: Sql, met: Microseconds, unmet: Microseconds) -> Sql:
    return Sql(
        f"CASE WHEN {condition.text} THEN {met}::bigint ELSE {unmet}::bigint END", condition.params
    )


def _most(which: str, parts: Sequence[Sql]) -> Sql | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    text = f"{which}({', '.join(part.text for part in parts)})"
    return Sql(text, tuple(param for part in parts for param in part.params))


# -- leaves --------------------------------------------------------------------------------


def _leaf(leaf: Leaf, columns: Columns, scope: Scope) -> Course:
    if isinstance(leaf, FeatureLeaf) and leaf.derived is not None:
        group = leaf.stands_for()
        if group is None:
            raise Unforeseen
        return _group(group, columns, scope)
    if isinstance(leaf, TraitLeaf | FeatureLeaf | ConsentLeaf):
        return Constant(leaf.sql(scope))
    if isinstance(leaf, EndLeaf):
        return Span(end=Sql(f"{leaf.at}::bigint"))
    if isinstance(leaf, SegmentLeaf) and leaf.rule is not None:
        return _group(leaf.rule.root, columns, scope)
    if isinstance(leaf, RecencyLeaf) and not leaf.or_never:
        return _recency(leaf, columns)
    if isinstance(leaf, EventLeaf) and isinstance(leaf.measure, Count):
        return _count(leaf.measure, columns)
    raise Unforeseen


def _count(count: Count, columns: Columns) -> Course:
    (need,) = count.needs()
    if count.window.in_visit or not isinstance(need, CounterNeed):
        raise Unforeseen
    length = count.window.length

    def at_least(n: int) -> Course:
        if n <= 0:
            return Constant(Sql("true"))
        if length is None:
            total = columns.total(need)
            return Constant(Sql(f"COALESCE({total.text}, 0) >= {n}", total.params))
        nth = columns.nth(need, n)
        return Span(end=Sql(f"COALESCE({nth.text} + {length}, {LONG_AGO})", nth.params))

    return _compared(count.threshold, at_least)


def _compared(threshold: Threshold, at_least: Callable[[int], Course]) -> Course:
    operator, value = threshold.operator, int(threshold.value)
    if operator in ("<", "<=", "!="):
        return _not(_compared(threshold.complement, at_least))
    if operator == "=":
        return _every([at_least(value), _not(at_least(value + 1))])
    return at_least(value + (operator == ">"))


def _recency(leaf: RecencyLeaf, columns: Columns) -> Course:
    (need,) = leaf.needs()
    assert isinstance(need, CounterNeed)
    at = columns.nth(need, 1) if leaf.which == "last" else columns.first(need)
    # An age of exactly the value belongs to ">=" and "<=": the others turn an instant later.
    turns = span(leaf.age) + (leaf.operator in (">", "<="))
    if leaf.operator in (">=", ">"):
        return Span(begin=Sql(f"COALESCE({at.text} + {turns}, {NEVER_ENDS})", at.params))
    return Span(end=Sql(f"COALESCE({at.text} + {turns}, {LONG_AGO})", at.params))
