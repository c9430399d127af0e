"""A rule over one profile, in memory, at an instant."""

from __future__ import annotations

from personalization.rules.groups import Group
from personalization.rules.nodes import Rule, RuleGroup
from personalization.rules.state import Answer, Facts, Interval, every, negate, some
from personalization.types import Microseconds

#: Far above what the bounded counters of 50 leaves can flip; a guard, not a limit.
MAX_FLIPS = 200_000


def evaluate(rule: Rule, facts: Facts, *, now: Microseconds) -> Answer:
    """Return whether `rule` holds for `facts` at `now`, and when that may change."""
    return answer_group(rule.root, facts, now=now)


def answer_group(group: RuleGroup, facts: Facts, *, now: Microseconds) -> Answer:
    answers = [
        answer_group(child, facts, now=now)
        if isinstance(child, Group)
        else child.answer(facts, now=now)
        for child in group.children
    ]
    answer = every(answers) if group.combinator == "and" else some(answers)
    return negate(answer) if group.negated else answer


def membership(rule: Rule, facts: Facts, *, now: Microseconds) -> Interval | None:
    """Return the span during which the rule holds, if no further event comes.

    It either contains `now` (its start is then `now`) or lies ahead (an absence
    that will ripen). None: without an event the rule will never hold.
    """
    start = _next_instant(rule, facts, True, now)
    if start is None:
        return None
    return Interval(start, _next_instant(rule, facts, False, start))


def _next_instant(rule: Rule, facts: Facts, wanted: bool, now: Microseconds) -> Microseconds | None:
    """Return the first instant from `now` on at which holding is `wanted`."""
    at = now
    for _ in range(MAX_FLIPS):
        answer = evaluate(rule, facts, now=at)
        if answer.holds == wanted:
            return at
        if answer.changes is None:
            return None
        at = answer.changes
    raise AssertionError(f"{rule.source!r} flips more than {MAX_FLIPS} times")
