"""What would turn an event leaf: more of it, an amount that is missing, or time that passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import partial
from typing import Protocol
from zoneinfo import ZoneInfo

from personalization.clock import microseconds, moment, site_zone
from personalization.rules.amount import LARGEST, MILLION
from personalization.rules.change import Change, happening
from personalization.rules.compare import shown
from personalization.rules.leaves.event_words import Measuring
from personalization.rules.presence import in_millionths
from personalization.rules.repair import (
    MAX_EVENTS,
    Answering,
    Repair,
    Situation,
    happened,
    matcher_words,
    more_words,
    waited,
)
from personalization.rules.shapes import Shape
from personalization.rules.state import Facts
from personalization.rules.threshold import Threshold
from personalization.rules.totals import TotalsNeed
from personalization.rules.values import Value
from personalization.types import Json, Microseconds

#: So many events with the same amount are tried at most where one is not enough.
_REPEATED, _TRIED = 64, 5
_SHAPES = 6


class Repairable(Measuring, Answering, Protocol):
    """An event leaf, as far as repairs look at it."""


def event_repairs(leaf: Repairable, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
    yield from _waiting(leaf, situation, wanted=wanted)
    situation = _once_possible(leaf, situation)
    if leaf.aggregate in ("count", "days"):
        yield from _more(leaf, situation, wanted=wanted)
    elif leaf.aggregate == "distinct":
        yield from _more_values(leaf, situation, wanted=wanted)
    else:
        yield from _amounts(leaf, situation, wanted=wanted)


def _once_possible(leaf: Repairable, situation: Situation) -> Situation:
    """Return the situation when events begin to count, of a span of dates that lies ahead."""
    between = leaf.matcher.between
    if between is None or between.start <= situation.now + situation.pace:
        return situation
    return replace(situation, now=between.start - situation.pace)


def _waiting(leaf: Repairable, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
    at = situation.wait(leaf, wanted=wanted)
    if at is None:
        return
    threshold = _threshold(leaf, wanted=wanted)
    words = f"time passes until {situation.instant(at, late=True)}"
    if leaf.aggregate == "count" and threshold.operator in ("<", "<=", "="):
        event = matcher_words(leaf.matcher, situation.catalogue)
        words = f"no {event} until {situation.instant(at, late=True)}"
    yield waited(situation, at, words)


def _threshold(leaf: Repairable, *, wanted: bool) -> Threshold:
    return leaf.threshold if wanted else leaf.threshold.complement


def _more(leaf: Repairable, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
    """Yield that it happens more often, or on more days."""

    for later in (False, True) if leaf.aggregate == "days" else (False,):
        shapes = _shapes(leaf, situation)
        n = None
        if shapes:
            make = partial(_made, leaf, situation, shapes[0], later)
            n = _fewest(leaf, situation, make, wanted=wanted)
        if n is None:
            continue
        event = matcher_words(leaf.matcher, situation.catalogue)
        often = more_words(n)
        if leaf.aggregate == "days":
            often = f"on {n} {'other ' if later else 'more '}{'day' if n == 1 else 'days'}"
        for shape in shapes:
            change = _made(leaf, situation, shape, later, n)
            if situation.answer(leaf, change).holds is wanted:
                words = f"{event} {often}"
                before = _deadline(leaf, situation, change)
                yield happened(change, words, situation=situation, before=before)


def _made(leaf: Repairable, situation: Situation, shape: Shape, later: bool, n: int) -> Change:
    """Return that it happens `n` times; on as many days if days count, from tomorrow `later`."""
    if leaf.aggregate == "days":
        return _on_days(leaf, situation, shape, n, later=later)
    return situation.happening([shape] * n, then=leaf.window.delay)


def _shapes(leaf: Repairable, situation: Situation) -> tuple[Shape, ...]:
    between = leaf.matcher.between
    if between is not None and between.over(situation.now):
        return ()
    return situation.shapes.of(leaf.matcher, most=_SHAPES)


def _fewest(
    leaf: Repairable, situation: Situation, make: Callable[[int], Change | None], *, wanted: bool
) -> int | None:
    """Return how many more reach the threshold from below; more never take “at least” back."""
    threshold = _threshold(leaf, wanted=wanted)
    if threshold.operator in ("<", "<="):
        return None
    if threshold.operator == "!=":
        return 1
    at_least = replace(threshold, operator=">" if threshold.operator == ">" else ">=")
    most = min(threshold.least + 1, MAX_EVENTS)
    reaching = replace(leaf.measure, threshold=at_least)
    return situation.fewest(reaching, make, wanted=True, most=most)


def _on_days(
    leaf: Repairable, situation: Situation, shape: Shape, n: int, *, later: bool
) -> Change:
    """Return that it happens on `n` days in a row."""
    zone = ZoneInfo(site_zone())
    at = situation.now + situation.pace
    instants = [] if later else [at]
    while len(instants) < n:
        day = moment(at).astimezone(zone).date() + timedelta(days=1)
        at = microseconds(datetime.combine(day, time(), zone))
        instants.append(at)
    events = tuple(happening(shape.name, shape.properties, at=each) for each in instants)
    return Change(at=at + leaf.window.delay, occurrences=events)


def _deadline(leaf: Repairable, situation: Situation, change: Change) -> Microseconds | None:
    """Return before when it must happen: while what counts today does not leave the window."""
    if leaf.window.length is None or leaf.window.delay:
        return None
    until = situation.answer(leaf, change).changes
    first = change.occurrences[0].at
    return until if until is not None and until < first + leaf.window.length else None


def _more_values(leaf: Repairable, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
    """Yield that it happens with values not seen before."""
    most = min(_threshold(leaf, wanted=wanted).least + 1, MAX_EVENTS)
    values = list(_fresh(leaf, situation, most))
    every = [situation.shapes.of(leaf.matcher, path=leaf.path, value=each) for each in values]
    every = [shapes for shapes in every if shapes]

    def make(n: int) -> Change | None:
        if n > len(every):
            return None
        return situation.happening([shapes[0] for shapes in every[:n]], then=leaf.window.delay)

    n = _fewest(leaf, situation, make, wanted=wanted)
    change = make(n) if n is not None else None
    if n is None or change is None or situation.answer(leaf, change).holds is not wanted:
        return
    event = matcher_words(leaf.matcher, situation.catalogue)
    what = _label(leaf, situation)
    words = f"{event} with {n} more different {what}"
    before = _deadline(leaf, situation, change)
    yield happened(change, words, situation=situation, before=before)


def _fresh(leaf: Repairable, situation: Situation, n: int) -> Iterator[Json]:
    """Yield values that the tests of the event know, then as many new ones as are needed."""
    known = situation.catalogue.property(leaf.matcher.event, ".".join(leaf.path))
    numbers = known is not None and known.type == "number"
    if leaf.matcher.where is not None:
        for test in leaf.matcher.where.leaves():
            if test.path == leaf.path:
                yield from test.comparison.values
    for number in range(situation.number + 1, situation.number + 1 + n):
        yield number if numbers else f"value {number}"


def _label(leaf: Repairable, situation: Situation) -> str:
    name = ".".join(leaf.path)
    known = situation.catalogue.property(leaf.matcher.event, name)
    return known.label if known else name


def _amounts(leaf: Repairable, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
    """Yield that it happens with the amount that is missing, or with one that is far enough."""
    if not _shapes(leaf, situation):
        return
    values = dict.fromkeys(_candidates(leaf, situation, wanted=wanted))
    once = [
        repair
        for value in values
        if -LARGEST <= value <= LARGEST
        for repair in _with_amount(leaf, situation, value, wanted=wanted, most=1)
    ]
    yield from once
    # More of the same, where what the events must look like allows no larger amounts.
    if not once and leaf.aggregate in ("sum", "avg"):
        for value in [value for value in values if -LARGEST <= value <= LARGEST][:_TRIED]:
            yield from _with_amount(leaf, situation, value, wanted=wanted, most=_REPEATED)


def _with_amount(
    leaf: Repairable, situation: Situation, value: float, *, wanted: bool, most: int
) -> Iterator[Repair]:
    event = matcher_words(leaf.matcher, situation.catalogue)
    for shape in situation.shapes.of(leaf.matcher, path=leaf.path, value=value, most=3):
        make = partial(_made, leaf, situation, shape, False)
        n = situation.fewest(leaf, make, wanted=wanted, most=most)
        if n is None:
            return
        words = f"{event} {more_words(n)} with {_label(leaf, situation)} {shown(value)}"
        yield happened(make(n), words, situation=situation)


def _candidates(leaf: Repairable, situation: Situation, *, wanted: bool) -> Iterator[float]:
    """Yield amounts to try, the best first."""
    if leaf.aggregate == "sum":
        yield from _missing(leaf, situation, wanted=wanted)
    for test in leaf.matcher.where.leaves() if leaf.matcher.where is not None else ():
        for each in test.comparison.values if test.path == leaf.path else ():
            if isinstance(each, int | float) and not isinstance(each, bool):
                yield from (each, each + 1, each - 1)
    value = leaf.threshold.value
    yield from (value, value + 1, value - 1, 1.0)
    if leaf.aggregate == "avg":
        yield from _missing(leaf, situation, wanted=wanted)


def _missing(leaf: Repairable, situation: Situation, *, wanted: bool) -> Iterator[float]:
    """Yield the amount by which the sum is short, or with which the average is right."""
    zero = situation.shapes.of(leaf.matcher, path=leaf.path, value=0, most=1)
    shape = zero[0] if zero else Shape(leaf.matcher.event, {})
    change = situation.happening([shape], then=leaf.window.delay)
    n, total = _totals(leaf, situation.after(change, leaf), change.at)
    n += not zero
    threshold = in_millionths(_threshold(leaf, wanted=wanted))
    if leaf.aggregate == "avg":
        threshold = threshold.times(n)
    short = int(threshold.value) - total
    beyond = {">": 1, "<": -1, "!=": 1}.get(threshold.operator, 0)
    yield (short + beyond * MILLION) / MILLION
    yield (short + beyond) / MILLION


def _totals(leaf: Repairable, facts: Facts, at: Microseconds) -> tuple[int, int]:
    """Return how many amounts there are, and their sum in millionths."""
    need = leaf.needs()[0]
    if isinstance(need, TotalsNeed):
        totals = facts.kept(need)
        return totals.n, totals.total
    values: list[Value] = [
        value
        for enters, leaves, value in leaf.window.presences(facts.kept(need).points, facts, at)
        if enters <= at and (leaves is None or leaves > at)
    ]
    return len(values), sum(int(value) for value in values)
