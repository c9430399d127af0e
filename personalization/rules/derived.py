"""Features whose value is decided by rules: that of the first case whose rule holds.

A lifecycle stage or a score changes as time passes, with no event. Made of rules, such a
feature is exact at every instant and in every engine, as the rules are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from personalization.registry import Registry
from personalization.rules.compare import Comparison
from personalization.rules.evaluate import answer_group
from personalization.rules.groups import Group
from personalization.rules.lint_formula import Formula, every, opposite, some
from personalization.rules.nodes import Leaf, RuleGroup, group_demand
from personalization.rules.population import group_sql
from personalization.rules.sql import FALSE, TRUE, JsonType, Scope, Sql
from personalization.rules.state import Answer, Facts
from personalization.types import Microseconds


@dataclass(frozen=True)
class Case:
    """A value, and the rule that gives it."""

    value: str | float
    group: RuleGroup


@dataclass(frozen=True)
class DerivedFeature:
    """The value of the first of `cases` that holds, else `otherwise` (None: not known)."""

    label: str
    type: JsonType
    cases: tuple[Case, ...]
    otherwise: str | float | None = None
    unit: str = ""
    description: str = ""
    #: Digest of all that decides the value: memberships that follow another one are filled anew.
    meaning: str = ""

    def leaves(self) -> Iterator[Leaf]:
        for case in self.cases:
            yield from case.group.leaves()

    def values(self) -> tuple[str | float, ...]:
        """Return the values it can have, each once."""
        values = [case.value for case in self.cases]
        if self.otherwise is not None:
            values.append(self.otherwise)
        return tuple(dict.fromkeys(values))

    def value(self, facts: Facts, *, now: Microseconds) -> str | float | None:
        return self._walk(self.cases, facts, now)[0]

    def case(self, facts: Facts, *, now: Microseconds) -> Case | None:
        """Return the case that decides the value; None: none holds."""
        holds = (case for case in self.cases if answer_group(case.group, facts, now=now).holds)
        return next(holds, None)

    def answer(self, comparison: Comparison, facts: Facts, *, now: Microseconds) -> Answer:
        """Return whether the value passes, and when it may become another one."""
        value, changes = self._walk(self._deciding(comparison), facts, now)
        return Answer(comparison.holds(value), changes)

    def _deciding(self, comparison: Comparison) -> tuple[Case, ...]:
        """Return the cases up to the last that can make a difference: those after it pass, or
        do not, as `otherwise` does."""
        default = comparison.holds(self.otherwise)
        n = len(self.cases)
        while n and comparison.holds(self.cases[n - 1].value) is default:
            n -= 1
        return self.cases[:n]

    def _walk(
        self, cases: Iterable[Case], facts: Facts, now: Microseconds
    ) -> tuple[str | float | None, Microseconds | None]:
        changes: Microseconds | None = None
        for case in cases:
            answer = answer_group(case.group, facts, now=now)
            if answer.changes is not None and (changes is None or answer.changes < changes):
                changes = answer.changes
            if answer.holds:
                return case.value, changes
        return self.otherwise, changes

    def stands_for(self, comparison: Comparison) -> RuleGroup:
        """Return the conditions under which the value passes."""
        ways: list[RuleGroup] = []
        earlier: list[Leaf | RuleGroup] = []
        for case in self.cases:
            if comparison.holds(case.value):
                ways.append(Group("and", (case.group, *earlier)))
            earlier.append(Group("and", (case.group,), negated=True))
        if comparison.holds(self.otherwise):
            ways.append(Group("and", tuple(earlier)))
        return Group("or", tuple(ways))

    def demand(self, comparison: Comparison) -> Formula:
        """Return what must hold for the value to pass: one of the cases that have such a value,
        and none before it."""
        ways: list[Formula] = []
        before: list[Formula] = []
        for case in self.cases:
            holds = group_demand(case.group)
            if comparison.holds(case.value):
                ways.append(every([*before, holds]))
            before.append(opposite(holds))
        if comparison.holds(self.otherwise):
            ways.append(every(before))
        return some(ways)

    def sql(self, comparison: Comparison, scope: Scope) -> Sql:
        cases = self._deciding(comparison)
        if not cases:
            return _constant(comparison.holds(self.otherwise))
        text = "CASE"
        params: list[object] = []
        for case in cases:
            condition = group_sql(case.group, scope)
            text += f" WHEN {condition.text} THEN {_constant(comparison.holds(case.value)).text}"
            params += condition.params
        return Sql(
            f"{text} ELSE {_constant(comparison.holds(self.otherwise)).text} END", tuple(params)
        )


def _constant(holds: bool) -> Sql:
    return TRUE if holds else FALSE


derived_features: Registry[DerivedFeature] = Registry("derived feature")
