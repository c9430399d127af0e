"""What conditions on events demand, as formulas: everything is made of “at least so many”."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal as Choice

from personalization.rules.amount import amount
from personalization.rules.lint_events import DAYS, EVENTS, Ages, AtLeast, Often, Reaches
from personalization.rules.lint_formula import ALWAYS, NEVER, Formula, Literal, every, opposite
from personalization.rules.lint_sequences import Taken
from personalization.rules.matcher import Matcher
from personalization.rules.sequence import Sequence
from personalization.rules.threshold import CountOperator, Threshold
from personalization.rules.window import Window
from personalization.types import Microseconds


def at_least(matcher: Matcher, ages: Ages, n: int, *, of: str = EVENTS) -> Formula:
    if n <= 0:
        return ALWAYS
    # One event is one day, and the other way round.
    return Literal(AtLeast(matcher, ages, n, EVENTS if of == DAYS and n == 1 else of))


def count_demand(
    matcher: Matcher, window: Window, threshold: Threshold, *, of: str = EVENTS
) -> Formula:
    ages = Ages.of(window)
    return _compared(threshold, lambda n: at_least(matcher, ages, n, of=of))


def sum_demand(
    matcher: Matcher, window: Window, threshold: Threshold, *, path: tuple[str, ...]
) -> Formula:
    """Return what a sum demands; it is a whole number of millionths."""
    ages = Ages.of(window)
    return _compared(
        Threshold(threshold.operator, _millionths(threshold)),
        lambda n: Literal(Reaches(matcher, ages, path, n)),
    )


def average_demand(
    matcher: Matcher,
    window: Window,
    threshold: Threshold,
    *,
    path: tuple[str, ...],
    numbers: Matcher,
) -> Formula:
    """Return what an average demands; there is one only of `numbers`, events that have one."""
    ages, value = Ages.of(window), _millionths(threshold)
    reached = Literal(Reaches(matcher, ages, path, value, average=True))
    passed = Literal(Reaches(matcher, ages, path, value, average=True, beyond=True))
    known = at_least(numbers, ages, 1)
    demands: dict[CountOperator, Formula] = {
        ">=": every([reached, known]),
        ">": every([passed, known]),
        "<": every([known, opposite(reached)]),
        "<=": every([known, opposite(passed)]),
        "=": every([known, reached, opposite(passed)]),
    }
    if threshold.operator == "!=":
        return opposite(demands["="])
    return demands[threshold.operator]


def recency_demand(
    matcher: Matcher,
    age: Microseconds,
    *,
    which: Choice["first", "last"],
    operator: CountOperator,
) -> Formula:
    """Return what is said of the age of the newest or oldest event, by the events around it."""
    ever = at_least(matcher, Ages(), 1)
    if which == "last":
        newer = Ages(0, age - 1 if operator in ("<", ">=") else age)
        near = at_least(matcher, newer, 1)
        return near if operator in ("<", "<=") else every([ever, opposite(near)])
    older = Ages(age + 1 if operator in (">", "<=") else age)
    far = at_least(matcher, older, 1)
    return far if operator in (">", ">=") else every([ever, opposite(far)])


def regularity_demand(
    matcher: Matcher, period: Microseconds, *, periods: int, at_least: int, threshold: Threshold
) -> Formula:
    if threshold.holds(0):
        # Periods without events fit. So it is the opposite of: too many fail.
        turned = replace(threshold, operator=threshold.complement.operator)
        failing = periods - at_least + 1
        return opposite(
            regularity_demand(matcher, period, periods=periods, at_least=failing, threshold=turned)
        )
    n = int(threshold.value)
    if threshold.operator == "=":
        return Literal(Often(matcher, period, periods, at_least, n, n))
    if threshold.operator == "<":  # fewer than none
        return NEVER
    least = 1 if threshold.operator == "!=" else n + (threshold.operator == ">")
    return Literal(Often(matcher, period, periods, at_least, least))


def sequence_demand(sequence: Sequence) -> Formula:
    return Literal(Taken(sequence.steps[-1].matcher, sequence))


def _compared(threshold: Threshold, reaches: Callable[[int], Formula]) -> Formula:
    """Return the test of a whole number made of “at least n” and its complement alone."""
    operator, value = threshold.operator, int(threshold.value)
    if operator in ("<", "<=", "!="):
        return opposite(_compared(threshold.complement, reaches))
    if operator == "=":
        return every([reaches(value), opposite(reaches(value + 1))])
    return reaches(value + (operator == ">"))


def _millionths(threshold: Threshold) -> int:
    value = amount(threshold.value)
    assert value is not None, f"{threshold.value} is checked when it is read"
    return value
