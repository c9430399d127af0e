"""An event leaf in plain words, and what a profile really has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from personalization.rules.amount import MILLION
from personalization.rules.catalogue import Catalogue
from personalization.rules.compare import shown
from personalization.rules.counter import CounterNeed
from personalization.rules.latest import LatestNeed
from personalization.rules.matcher import Matcher
from personalization.rules.measures import Extreme, Measure
from personalization.rules.series import SeriesNeed
from personalization.rules.state import Facts
from personalization.rules.threshold import CountOperator, Threshold
from personalization.rules.totals import TotalsNeed
from personalization.rules.where import where_sentence
from personalization.rules.window import Window, between_words
from personalization.rules.words import at_words, times_words
from personalization.types import Microseconds

_TIMES: Mapping[CountOperator, str] = {
    ">=": "at least {n}", ">": "more than {n}", "<=": "at most {n}",
    "<": "fewer than {count} times", "=": "exactly {n}", "!=": "not exactly {n}",
}  # fmt: skip
_NUMBER: Mapping[CountOperator, str] = {
    ">=": "at least", ">": "more than", "<=": "at most", "<": "less than", "=": "exactly",
    "!=": "anything but",
}  # fmt: skip
_HOW_MANY = {**_NUMBER, "<": "fewer than", "!=": "not exactly"}
_OF = {
    "sum": "{prop} adding up to {number}",
    "avg": "an average {prop} of {number}",
    "min": "a lowest {prop} of {number}",
    "max": "a highest {prop} of {number}",
}


class Measuring(Protocol):
    """What an event leaf looks at and measures."""

    @property
    def matcher(self) -> Matcher: ...
    @property
    def window(self) -> Window: ...
    @property
    def threshold(self) -> Threshold: ...
    @property
    def aggregate(self) -> str: ...
    @property
    def path(self) -> tuple[str, ...]: ...
    @property
    def measure(self) -> Measure: ...


def event_words(leaf: Measuring, catalogue: Catalogue, *, denied: bool = False) -> str:
    """Return the condition in words that follow “visitors who”.

    `denied`: the leaf has the complement's operator already; what nothing happened means
    then has to be said, too.
    """
    words = [catalogue.phrase(leaf.matcher.event), *_circumstances(leaf, catalogue)]
    if leaf.aggregate == "count":
        return " ".join(_count_words(leaf, words))
    said = _HOW_MANY if leaf.aggregate in ("days", "distinct") else _NUMBER
    number = f"{said[leaf.threshold.operator]} {shown(leaf.threshold.value)}"
    prop = _label(leaf, catalogue)
    if leaf.aggregate == "days":
        unit = "day" if leaf.threshold.value == 1 else "days"
        words.insert(1, f"on {number} {unit}")
    elif leaf.aggregate == "distinct":
        words.insert(1, f"with {number} different values of {prop}")
    else:
        words.insert(1, "with " + _OF[leaf.aggregate].format(prop=prop, number=number))
    return " ".join([*words, *_nothing(leaf, denied=denied)])


def _nothing(leaf: Measuring, *, denied: bool) -> Iterator[str]:
    """Yield what is true of those who never did it."""
    if leaf.aggregate in ("avg", "min", "max"):
        # The complement of a positive comparison covers them; a positive one never does.
        operator = leaf.threshold.operator
        if operator != "=" if denied else operator == "!=":
            yield "(including never)"
    elif leaf.threshold.holds(0):
        yield "(including never)"


def _count_words(leaf: Measuring, words: list[str]) -> Iterator[str]:
    operator, value = leaf.threshold.operator, int(leaf.threshold.value)
    if (operator, value) in (("=", 0), ("<", 1), ("<=", 0)):
        yield "never"
        yield from words
        return
    if (operator, value) not in ((">=", 1), (">", 0), ("!=", 0)):
        words.insert(1, _TIMES[operator].format(n=times_words(value), count=value))
        if operator in ("<", "<=", "!="):
            words.append("(including never)")
    yield from words


def _circumstances(leaf: Measuring, catalogue: Catalogue) -> Iterator[str]:
    yield from leaf.window.words()
    if leaf.matcher.between is not None:
        yield between_words(leaf.matcher.between)
    if leaf.matcher.where is not None:
        yield f"where {where_sentence(leaf.matcher.where, catalogue, event=leaf.matcher.event)}"


def _label(leaf: Measuring, catalogue: Catalogue) -> str:
    name = ".".join(leaf.path)
    known = catalogue.property(leaf.matcher.event, name)
    return known.label if known else name


def actual_words(leaf: Measuring, facts: Facts, *, now: Microseconds) -> str:
    """Return what was really measured of a profile."""
    if isinstance(leaf.measure, Extreme):
        return _extreme(leaf.measure, facts, now=now)
    need = leaf.measure.needs()[0]
    if isinstance(need, CounterNeed):
        return _counted(leaf, need, facts, now=now)
    if isinstance(need, LatestNeed):
        start = leaf.window.start(facts, now) if leaf.window.slides else 0
        points = facts.kept(need).points
        n = 0 if start is None else sum(start < at <= now for at, _ in points)
        more = " or more" if n == need.n else ""
        return f"{n}{more} different"
    if isinstance(need, TotalsNeed):
        totals = facts.kept(need)
        return _numbers(leaf, totals.n, totals.total)
    assert isinstance(need, SeriesNeed)
    values = _inside(leaf, need, facts, now=now)
    if leaf.aggregate == "count":
        return f"{times_words(len(values))} in that time"
    if leaf.aggregate in ("distinct", "days"):
        return f"{len(set(values))} different in that time"
    return _numbers(leaf, len(values), sum(int(value) for value in values))


def _counted(leaf: Measuring, need: CounterNeed, facts: Facts, *, now: Microseconds) -> str:
    counter = facts.kept(need)
    seen = [at for at in counter.newest if at <= now]
    if not seen:
        return "never"
    latest = f"most recently {at_words(seen[0], now=now)}"
    if not leaf.window.slides:
        total = counter.total - (len(counter.newest) - len(seen))
        return f"{times_words(total)} in all, {latest}"
    start = leaf.window.start(facts, now)
    inside = 0 if start is None else sum(at > start for at in seen)
    more = " or more" if inside == len(seen) < counter.total else ""
    return f"{times_words(inside)}{more} in that time, {latest}"


def _inside(
    leaf: Measuring, need: SeriesNeed, facts: Facts, *, now: Microseconds
) -> list[int | str]:
    start = leaf.window.start(facts, now)
    series = facts.kept(need)
    if start is not None and not series.reaches(start):
        series = facts.read(need)
    return [
        value
        for enters, leaves, value in leaf.window.presences(series.points, facts, now)
        if enters <= now and (leaves is None or leaves > now)
    ]


def _numbers(leaf: Measuring, n: int, total: int) -> str:
    if leaf.aggregate == "avg":
        return f"{shown(total / n / MILLION)} on average of {n}" if n else "nothing"
    return f"{shown(total / MILLION)} in all"


def _extreme(measure: Extreme, facts: Facts, *, now: Microseconds) -> str:
    """Say where it lies: what is kept tells only on which side of the value."""
    if not measure.any.answer(facts, now).holds:
        return "nothing"
    value = shown(measure.threshold.value)
    if not measure.reaching.answer(facts, now).holds:
        return f"less than {value}" if measure.largest else f"more than {value}"
    if measure.passing.answer(facts, now).holds:
        return f"more than {value}" if measure.largest else f"less than {value}"
    return f"exactly {value}"
