"""A rule over one profile, in memory, at an instant."""

from __future__ import annotations

from personalization.rules.groups import Group
from personalization.rules.interval import Interval
from personalization.rules.nodes import Rule, RuleGroup
from personalization.rules.state import Answer, Facts, every, negate, some
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
    start, answer = _next(rule, facts, True, now, evaluate(rule, facts, now=now))
    if start is None:
        return None
    end, _ = _next(rule, facts, False, start, answer)
    return Interval(start, end)


def _next(
    rule: Rule, facts: Facts, wanted: bool, at: Microseconds, answer: Answer
) -> tuple[Microseconds | None, Answer]:
    """Return the first instant from `at` on at which holding is `wanted`, and its answer.

    `answer` is the one at `at`.
    """
    for _ in range(MAX_FLIPS):
        if answer.holds == wanted:
            return at, answer
        if answer.changes is None:
            return None, answer
        at = answer.changes
        answer = evaluate(rule, facts, now=at)
    raise AssertionError(f"{rule.source!r} flips more than {MAX_FLIPS} times")
