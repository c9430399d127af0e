"""How a membership moves on, from the span known to the one a rule answers."""

from __future__ import annotations

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.rules.interval import Interval
from personalization.segments.spans import Handover, Span, Step, advance, quiet, take_over
from tests.effort import Tries, some_or_all

IN_SINCE_10 = Span(10, None, told=True)
IN_UNTIL_20 = Span(10, 20, told=True)
AHEAD = Span(30, 40)

# known · what the rule answers · now · what follows
MOVES: dict[str, tuple[Span | None, Interval | None, int, Step]] = {
    "nobody stays nobody": (None, None, 15, Step()),
    "entering": (None, Interval(15, 25), 15, Step(Span(15, 25, told=True), entered=15)),
    "entering without an end": (None, Interval(15), 15, Step(Span(15, told=True), entered=15)),
    "an entry ahead is kept and not told": (None, Interval(30, 40), 15, Step(AHEAD)),
    "staying": (IN_UNTIL_20, Interval(15, 20), 15, Step(IN_UNTIL_20)),
    "staying longer": (IN_UNTIL_20, Interval(15, 25), 15, Step(Span(10, 25, told=True))),
    "staying for good": (IN_UNTIL_20, Interval(15), 15, Step(IN_SINCE_10)),
    "staying less long": (IN_SINCE_10, Interval(15, 20), 15, Step(IN_UNTIL_20)),
    "leaving at the foreseen end": (IN_UNTIL_20, None, 20, Step(closed=IN_UNTIL_20)),
    "leaving early": (IN_UNTIL_20, None, 15, Step(closed=Span(10, 15, told=True))),
    "leaving what had no end": (IN_SINCE_10, None, 15, Step(closed=Span(10, 15, told=True))),
    "leaving, with another entry ahead": (
        IN_UNTIL_20, Interval(30, 40), 20, Step(AHEAD, closed=IN_UNTIL_20),
    ),
    "staying at the foreseen end, because of something late": (
        IN_UNTIL_20, Interval(20, 25), 20, Step(Span(10, 25, told=True)),
    ),
    "an end that was passed over: out, and in again": (
        IN_UNTIL_20, Interval(22, 25), 22,
        Step(Span(22, 25, told=True), closed=IN_UNTIL_20, entered=22),
    ),
    "an end that was passed over: out": (IN_UNTIL_20, None, 22, Step(closed=IN_UNTIL_20)),
    "an entry comes": (AHEAD, Interval(30, 40), 30, Step(Span(30, 40, told=True), entered=30)),
    "an entry moves": (AHEAD, Interval(35, 40), 15, Step(Span(35, 40))),
    "an entry is off": (AHEAD, None, 15, Step()),
    "an entry is off at its very instant": (AHEAD, None, 30, Step()),
    "an entry comes early": (
        AHEAD, Interval(15, 40), 15, Step(Span(15, 40, told=True), entered=15),
    ),
    "a clock behind: no span ends before it begins": (
        IN_SINCE_10, None, 5, Step(closed=Span(10, 10, told=True)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_a_membership_moves_on(name: str) -> None:
    known, answer, now, expected = MOVES[name]
    assert advance(known, answer, now=now) == expected


def test_the_next_edge_is_the_entry_until_it_is_told() -> None:
    assert AHEAD.next_edge() == 30
    assert IN_UNTIL_20.next_edge() == 20
    assert IN_SINCE_10.next_edge() is None


def test_who_left_is_told_when() -> None:
    assert Step(closed=IN_UNTIL_20).left == 20
    assert Step().left is None


def ahead_of(flips: list[int], now: int) -> Interval | None:
    """Return the span at or after `now` of a condition that turns at each of `flips`."""
    place = bisect_right(flips, now)
    holds = place % 2 == 1
    start, rest = (now, flips[place:]) if holds else (None, flips[place:])
    if start is None:
        if not rest:
            return None
        start, *rest = rest
    return Interval(start, rest[0] if rest else None)


_flips = st.lists(st.integers(1, 60), unique=True, max_size=8).map(sorted)


def follow(flips: list[int], news: list[tuple[int, list[int]]]) -> tuple[list[Step], list[int]]:
    """Evaluate now and then, each time with another future; return the steps and what happened."""
    known: Span | None = None
    steps = []
    for now, future in [(0, flips), *sorted(news, key=lambda one: one[0]), (70, [])]:
        while True:
            edge = known.next_edge() if known else None
            at = now if edge is None else min(edge, now)
            if at == now:
                flips = [flip for flip in flips if flip <= now] + [f for f in future if f > now]
            step = advance(known, ahead_of(flips, at), now=at)
            known = step.current
            steps.append(step)
            if at == now:
                break
    return steps, flips


@some_or_all(500)
def test_what_is_told_is_what_happened(tries: Tries) -> None:
    @tries
    @given(_flips, st.lists(st.tuples(st.integers(1, 60), _flips), max_size=4))
    def holds(flips: list[int], news: list[tuple[int, list[int]]]) -> None:
        steps, happened = follow(flips, news)
        assert [step.entered for step in steps if step.entered is not None] == happened[::2]
        assert [step.left for step in steps if step.left is not None] == happened[1::2]
        closed = [(step.closed.since, step.closed.until) for step in steps if step.closed]
        assert closed == list(zip(happened[::2], happened[1::2], strict=False))

    holds()


# -- versions ------------------------------------------------------------------------------

QUIET = Span(15, 40, told=True, silent=True)

# who was in the version that served until 20 · who is in the new one · what becomes of both
HANDOVERS: dict[str, tuple[Span | None, Span | None, Handover]] = {
    "nobody": (None, None, Handover(Step(), Step())),
    "in both": (IN_SINCE_10, QUIET, Handover(Step(), Step(Span(10, 40, told=True)))),
    "in the old one alone": (
        IN_SINCE_10, None, Handover(Step(closed=Span(10, 20, told=True)), Step()),
    ),
    "in the old one, and ahead in the new one": (
        IN_SINCE_10, AHEAD, Handover(Step(closed=Span(10, 20, told=True)), Step(AHEAD)),
    ),
    "in the new one alone": (
        None, QUIET, Handover(Step(), Step(Span(20, 40, told=True), entered=20)),
    ),
    "out of the old one by then": (
        Span(5, 18, told=True), QUIET,
        Handover(Step(closed=Span(5, 18, told=True)), Step(Span(20, 40, told=True), entered=20)),
    ),
    "ahead in the old one": (AHEAD, None, Handover(Step(), Step())),
    "an entry of which nobody was told yet": (
        Span(18, 50), QUIET, Handover(Step(), Step(Span(18, 40, told=True), entered=18)),
    ),
    "an entry of which nobody was told, and never will": (
        Span(18, 50), None, Handover(Step(), Step()),
    ),
    "out of the new one by then": (
        None, Span(5, 18, told=True, silent=True),
        Handover(Step(), Step()),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HANDOVERS)
def test_another_version_takes_over(name: str) -> None:
    old, new, expected = HANDOVERS[name]
    assert take_over(old, new, at=20) == expected


def test_nothing_is_told_of_a_version_that_does_not_serve() -> None:
    entry = Step(Span(15, 25, told=True), closed=IN_UNTIL_20, entered=15)
    assert quiet(entry, serving=None) == Step(Span(15, 25, told=True, silent=True))
    assert quiet(Step(AHEAD), serving=IN_SINCE_10) == Step(AHEAD)
    assert quiet(Step(closed=IN_UNTIL_20), serving=None) == Step()


@pytest.mark.parametrize(
    ("serving", "since"),
    [(IN_SINCE_10, 10), (None, 15), (Span(10, 15, told=True), 15), (Span(10), 15)],
    ids=["in it", "not in it", "out by then", "not told"],
)
def test_who_is_in_the_one_that_serves_is_in_since_then(serving: Span | None, since: int) -> None:
    found = quiet(Step(Span(15, None, told=True)), serving=serving).current
    assert found == Span(since, None, told=True, silent=True)
