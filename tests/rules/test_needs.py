"""What is kept for rules is a function of the set of events (law 1), and survives storage."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.profiles.plan import plan
from personalization.profiles.state import State
from personalization.rules.counter import CounterNeed
from personalization.rules.latest import LatestNeed
from personalization.rules.matcher import Matcher, read_matcher
from personalization.rules.need import ANY, AnyNeed, Counters, Late
from personalization.rules.occurrence import Occurrence
from personalization.rules.reading import Reader
from personalization.rules.sequence import Absence, Sequence, SequenceNeed, Step
from personalization.rules.series import SeriesNeed
from personalization.rules.totals import TotalsNeed
from personalization.rules.values import Amounts, Days, Moments, Scalars
from tests.effort import Tries, examples, some_or_all
from tests.rules.building import both, either, prop

HOUR = 3_600_000_000
NOW = 1_772_366_400_000_000
CART, ORDER, VIEW = Matcher("Product Added"), Matcher("Order Completed"), Matcher("Page Viewed")
PRICE = ("price",)
NEEDS: tuple[AnyNeed, ...] = (
    CounterNeed(CART, 2),
    CounterNeed(Matcher(ANY), 3),
    SeriesNeed(CART, Moments(), 4 * HOUR, bound=3),
    SeriesNeed(CART, Amounts(PRICE), 4 * HOUR, bound=3),
    SeriesNeed(CART, Scalars(PRICE), 4 * HOUR, bound=3),
    SeriesNeed(CART, Days("Europe/Berlin"), 4 * HOUR, bound=3),
    LatestNeed(CART, Scalars(PRICE), 2),
    LatestNeed(CART, Days("Asia/Tokyo"), 2),
    TotalsNeed(CART, PRICE),
    SequenceNeed(Sequence((Step(VIEW), Step(CART, 2 * HOUR)))),
    SequenceNeed(Sequence((Step(VIEW), Step(CART, None, (ORDER,))), window=3 * HOUR)),
    SequenceNeed(
        Sequence((Step(CART),), (Absence(ORDER, HOUR), Absence(VIEW, 2 * HOUR)), last=5 * HOUR),
        bound=2,
    ),
    SequenceNeed(Sequence((Step(VIEW), Step(CART)), strict=True)),
)
_occurrences = st.builds(
    lambda name, ago, price, number: Occurrence(
        "track", name, {"price": price}, NOW - ago, f"{number}"
    ),
    st.sampled_from(["Product Added", "Order Completed", "Page Viewed", "Engaged"]),
    st.integers(0, 8).map(lambda n: n * HOUR // 2) | st.integers(0, 50 * HOUR),
    st.sampled_from([0.1, 0.2, 0.30000000000000004, -5, 1, 1.0, True, "1", None, 10**12, "shoes"]),
    st.integers(0, 3),
)


def folded(need: AnyNeed, occurrences: list[Occurrence]) -> Any:
    """Add them one by one, as they arrive; from the log where the order matters."""
    kept = need.nothing
    for n, occurrence in enumerate(occurrences, 1):
        if not ({occurrence.name, ANY} & need.events):
            continue
        kept = need.load(json.loads(json.dumps(need.dump(kept)))) if n % 2 else kept
        try:
            kept = need.add(kept, occurrence)
        except Late:
            kept = need.fold(sorted(occurrences[:n], key=lambda each: each.position))
    return kept


@some_or_all(400)
def test_any_order_of_arrival_keeps_the_same(tries: Tries) -> None:
    @tries
    @given(occurrences=st.lists(_occurrences, max_size=12), data=st.data())
    def holds(occurrences: list[Occurrence], data: st.DataObject) -> None:
        in_order = sorted(occurrences, key=lambda each: each.position)
        shuffled = data.draw(st.permutations(occurrences))
        for need in NEEDS:
            concerned = [each for each in in_order if {each.name, ANY} & need.events]
            assert folded(need, shuffled) == need.fold(concerned)

    holds()


@examples(200)
@given(occurrences=st.lists(_occurrences, max_size=12))
def test_what_is_kept_reaches_as_far_as_it_says(occurrences: list[Occurrence]) -> None:
    for need in NEEDS:
        if not isinstance(need, SeriesNeed):
            continue
        kept, whole = folded(need, occurrences), folded(need.unbounded(), occurrences)
        lost = kept.lost if kept.lost is not None else -1
        assert kept.points == whole.points[len(whole.points) - len(kept.points) :]
        assert [point for point in whole.points if point[0] > lost] == [
            point for point in kept.points if point[0] > lost
        ]


def test_what_is_read_is_kept_until_it_changes() -> None:
    need = CounterNeed(CART, 2)
    counters = Counters({need.key: {"n": [5], "t": 1, "f": 5}, "of another rule": [1]})
    assert counters.of(need).newest == (5,)
    counters.put(need, counters.of(need).add(7, size=2))
    assert counters.as_stored() == {
        need.key: {"n": [7, 5], "t": 2, "f": 5},
        "of another rule": [1],
    }


def test_an_event_that_comes_late_for_a_sequence_is_left_to_the_log() -> None:
    needs = plan([NEEDS[9]])
    state = State()
    state.apply([Occurrence("track", "Product Added", {}, NOW, "b")], needs)
    state.apply([Occurrence("track", "Page Viewed", {}, NOW - HOUR, "a")], needs)
    assert list(state.late) == [NEEDS[9].key]
    state.late.clear()
    state.apply([Occurrence("track", "Engaged", {}, NOW - HOUR, "c")], needs)
    assert not state.late  # it concerns no step


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: type(need).__name__)
def test_a_larger_need_serves_a_smaller_one(need: AnyNeed) -> None:
    assert need.union(need) == need
    assert need.unbounded().key == need.key


def test_equal_keys_are_served_by_the_farther_horizon() -> None:
    near, far = SeriesNeed(CART, Moments(), HOUR), SeriesNeed(CART, Moments(), 2 * HOUR)
    assert near.union(far) == far == far.union(near)
    assert plan([near, far]).needs == {"Product Added": (far,)}


def test_needs_of_any_event_are_concerned_by_each_once() -> None:
    made = plan([CounterNeed(Matcher(ANY), 1), CounterNeed(CART, 1)])
    added = Occurrence("track", "Product Added", {}, NOW, "a")
    assert len(list(made.concerned(added))) == 2
    assert len(list(made.concerned(replace(added, name="Engaged")))) == 1


_VALUES = ["shoes", "x" * 50, 1, 1.0, 0, -0.0, True, False, 10**15, 0.1, None, [], {}]


@pytest.mark.parametrize("value", _VALUES, ids=str)
def test_needs_of_other_values_are_passed_over_and_never_one_that_is_concerned(
    value: Any,
) -> None:
    wanted = ["shoes", "x" * 50, 1, 0, True, False, 10**15, 0.1, "1", "true"]
    needs = [
        CounterNeed(
            read_matcher(Reader({"event": VIEW.event, "where": both(prop("a.b", "=", one), more)})),
            1,
        )
        for one in wanted
        for more in (prop("c", "is not set"), either(prop("c", "=", 1), prop("d", "=", 1)))
    ]
    occurrence = Occurrence("page", VIEW.event, {"a": {"b": value}, "d": 1}, NOW, "a")
    concerned = {need.key for need in needs if need.add(need.nothing, occurrence) != need.nothing}
    found = [need.key for need in plan(needs).concerned(occurrence)]
    assert concerned == set(found)
    assert len(found) == len(concerned) in (0, 2)
