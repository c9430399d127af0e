"""What would change it: each way that is suggested really turns the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.rules.catalogue import Catalogue, EventKind, Field
from personalization.rules.change import Change, applied
from personalization.rules.evaluate import evaluate
from personalization.rules.repair import Budget
from personalization.rules.turning import Question
from personalization.rules.whatif import MAX_ANSWERS, Suggestion, suggestions
from tests.effort import Tries, examples, some_or_all
from tests.rules import oracle, strategies
from tests.rules.building import (
    Stored,
    absent,
    both,
    consent,
    context,
    either,
    feature,
    happened,
    measured,
    none_of,
    prop,
    recency,
    regularity,
    rule,
    segment,
    sequence,
    trait,
)
from tests.rules.lives import lived
from tests.rules.oracle import DAY, HOUR
from tests.rules.strategies import NOW
from tests.rules.world import Happening, History, facts, linked

KNOWN = Catalogue(
    traits={"plan": Field("plan", "plan", "text")},
    features={"orders.count": Field("orders.count", "number of orders", "number")},
    events={
        "Product Viewed": EventKind("Product Viewed", "viewed a product"),
        "Product Added": EventKind(
            "Product Added",
            "added a product to the cart",
            {"price": Field("price", "price", "number")},
        ),
        "Order Completed": EventKind("Order Completed", "ordered"),
    },
    segments={"vips": "VIPs"},
)
MINUTE = HOUR // 60


def suggested(
    *children: Stored, history: History | None = None, most: int = 3
) -> tuple[Suggestion, ...]:
    """Return the suggestions, each of them tried by the oracle."""
    stored, known = rule(*children), history or History()
    compiled = linked(stored, {"vips": None})
    found = suggestions(compiled, facts(known, compiled), KNOWN, now=NOW, most=most)
    for each in found:
        assert turns(stored, known, {"vips": None}, each.change)
    return found


def turns(stored: Any, history: History, segments: Any, change: Change) -> bool:
    before = oracle.holds(stored["root"], history, segments, now=NOW)
    after = oracle.holds(stored["root"], lived(history, change), segments, now=change.at)
    return before is not after


def words(*children: Stored, history: History | None = None) -> str:
    """Return the nearest suggestion in words."""
    return suggested(*children, history=history)[0].words


@contextmanager
def counted_answers() -> Iterator[list[int]]:
    """Count how often leaves are asked."""
    asked = [0]
    answer = Budget.answer

    def counting(budget: Budget, leaf: Any, known: Any, *, now: int) -> Any:
        asked[0] += 1
        return answer(budget, leaf, known, now=now)

    with patch.object(Budget, "answer", counting):
        yield asked


VIEWED = History([Happening("Product Viewed", NOW - 20 * HOUR)])
ORDERED = History([Happening("Order Completed", NOW - 2 * HOUR)])


def test_a_count_says_how_many_more_and_before_when() -> None:
    (found,) = suggested(happened("Product Viewed", ">=", 3, last="P1D"), history=VIEWED)
    assert found.words == "“viewed a product” twice more before 16:00"
    assert found.before == NOW + 4 * HOUR
    assert len(found.change.occurrences) == 2


def test_without_anything_in_the_window_there_is_no_deadline() -> None:
    (found,) = suggested(happened("Product Viewed", ">=", 3, last="PT1H"), history=VIEWED)
    assert found.words == "“viewed a product” 3 more times"
    assert found.before is None


def test_of_all_time_there_is_no_deadline() -> None:
    (found,) = suggested(happened("Product Viewed", ">=", 2), history=VIEWED)
    assert found.before is None


def test_what_must_not_happen_is_waited_for() -> None:
    (found,) = suggested(none_of(happened("Order Completed", last="P1D")), history=ORDERED)
    assert found.words == "no “ordered” until tomorrow 10:00"
    assert found.change == Change(at=NOW + 22 * HOUR)
    (never,) = suggested(happened("Order Completed", "<", 1, last="P1D"), history=ORDERED)
    assert never.words == "no “ordered” until tomorrow 10:00"


def test_what_happened_once_for_all_cannot_be_undone() -> None:
    assert suggested(happened("Order Completed", "=", 0), history=ORDERED) == ()


def test_a_rule_that_holds_is_left() -> None:
    (found,) = suggested(happened("Order Completed", ">=", 1, last="P1D"), history=ORDERED)
    assert found.at == NOW + 22 * HOUR


def test_all_failing_conditions_of_an_and_are_repaired() -> None:
    (found,) = suggested(
        trait("plan", "=", "pro"), consent("marketing"), happened("Product Viewed", ">=", 1)
    )
    assert sorted(found.steps) == [
        "agrees to marketing", "plan becomes pro", "“viewed a product” once more",
    ]  # fmt: skip
    assert found.change.traits == {"plan": "pro"}
    assert found.change.consents == {"marketing": True}


def test_the_ways_of_an_or_come_nearest_first() -> None:
    found = suggested(
        either(recency("Order Completed", ">=", "P30D"), trait("plan", "=", "pro")),
        history=ORDERED,
    )
    assert [each.words for each in found] == [
        "plan becomes pro",
        "time passes until 2026-03-31 10:00",
        "“ordered” once more, then not until 2026-03-31 12:00",
    ]


def test_no_more_than_asked_for() -> None:
    every = either(*[trait(name, "=", "x") for name in "abcdef"])
    assert len(suggested(every, most=2)) == 2
    assert len(suggested(every, most=5)) == 5


def test_under_a_not_the_other_way_round() -> None:
    known = History(traits={"plan": "pro"}, consents={"marketing": True})
    found = suggested(none_of(trait("plan", "=", "pro"), consent("marketing")), history=known)
    assert set(found[0].steps) == {"plan becomes something", "no longer agrees to marketing"}


def test_what_is_fresh_happens_after_what_takes_time() -> None:
    (found,) = suggested(
        happened("Product Viewed", last="PT1H"),
        none_of(happened("Order Completed", last="P1D")),
        history=ORDERED,
    )
    assert found.steps == ("no “ordered” until tomorrow 10:00", "“viewed a product” once more")
    assert found.change.occurrences[0].at > NOW + 22 * HOUR


def test_a_sum_is_short_by_an_amount() -> None:
    history = History([Happening("Product Added", NOW - HOUR, {"price": 7.5})])
    found = suggested(measured("sum", "price", ">=", 20, last="P1D"), history=history)
    assert found[0].words == "“added a product to the cart” once more with price 12.5"
    assert found[0].change.occurrences[0].properties == {"price": 12.5}


def test_an_amount_respects_what_the_event_must_look_like() -> None:
    cheap = prop("price", "<=", 5)
    (found,) = suggested(measured("sum", "price", ">=", 12, where=cheap), history=None)
    assert found.words == (
        "“added a product to the cart where price is at most 5” 3 more times with price 5"
    )


def test_an_average_is_moved() -> None:
    history = History([Happening("Product Added", NOW - HOUR, {"price": 10})])
    found = suggested(measured("avg", "price", ">=", 20, last="P1D"), history=history)
    assert found[0].change.occurrences[0].properties == {"price": 30.0}


@pytest.mark.parametrize("aggregate", ["min", "max"])
@pytest.mark.parametrize("operator", [">=", ">", "<=", "<", "="])
def test_an_extreme_is_reached(aggregate: str, operator: str) -> None:
    assert suggested(measured(aggregate, "price", operator, 20))


def test_different_values_are_different() -> None:
    history = History([Happening("Product Added", NOW - HOUR, {"color": "red"})])
    (found,) = suggested(measured("distinct", "color", ">=", 3, last="P1D"), history=history)
    assert found.words == (
        "“added a product to the cart” with 2 more different color before tomorrow 11:00"
    )
    assert len({str(each.properties) for each in found.change.occurrences}) == 2
    assert found.before == NOW + 23 * HOUR


def test_days_are_days_of_the_calendar() -> None:
    history = History([Happening("Product Added", NOW - HOUR)])
    found = suggested(measured("days", None, ">=", 3, last="P1W"), history=history)
    assert found[0].words == "“added a product to the cart” on 2 other days before 2026-03-08 11:00"
    assert found[0].at == NOW + 36 * HOUR  # the first moment of the second day


def test_a_window_that_ends_in_the_past_fills_by_time() -> None:
    window = {"last": "P2D", "until": "P1D"}
    (found,) = suggested(happened("Product Viewed", ">=", 1, window=window))
    assert found.at == found.change.occurrences[0].at + DAY


def test_a_span_of_dates_that_is_over_is_over() -> None:
    window = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    assert suggested(happened("Product Viewed", window=window)) == ()


def test_a_span_of_dates_ahead_is_waited_for() -> None:
    window = {"from": "2026-03-05T00:00:00Z", "to": "2026-03-06T00:00:00Z"}
    (found,) = suggested(happened("Product Viewed", ">=", 2, window=window))
    assert found.at >= NOW + 3 * DAY


def test_the_steps_that_are_missing_are_named() -> None:
    left = sequence("Product Viewed", "Product Added", absent("Order Completed", within="P1D"))
    assert words(left, history=VIEWED) == (
        "“added a product to the cart”, then no “ordered” until tomorrow 12:00"
    )
    assert words(left).startswith("“viewed a product”, then “added a product to the cart”, then no")


def test_an_absence_ripens_by_time() -> None:
    added = History([Happening("Product Added", NOW - HOUR)])
    left = sequence("Product Added", absent("Order Completed", within="P1D"))
    assert words(left, history=added) == "no “ordered” until tomorrow 11:00"


def test_recent_things_happen_again() -> None:
    assert words(recency("Order Completed", "<=", "PT1H"), history=ORDERED) == (
        "“ordered” once more"
    )


def test_periods_are_filled_with_as_few_events_as_possible() -> None:
    (found,) = suggested(regularity("Product Viewed", "P1D", 4, 3, ">=", 2), history=VIEWED)
    assert found.words == "“viewed a product” 5 more times, in the next 3 periods of 24 hours"


def test_hours_come_by_themselves() -> None:
    assert words(context("hour", "between", [20, 22])) == "time passes until 20:00"


def test_a_request_can_be_another_one() -> None:
    assert words(context("device", "=", "mobile")) == "device becomes mobile"


def test_a_feature_becomes_what_is_needed() -> None:
    assert words(feature("orders.count", ">=", 3)) == "number of orders becomes 3"


def test_a_segment_kept_by_hand_is_entered_by_hand() -> None:
    (found,) = suggested(segment("vips"))
    assert found.words == "is put into “VIPs” by hand"
    assert found.change.memberships == {"vips": True}


def test_a_segment_by_rule_is_repaired_inside() -> None:
    stored = rule(segment("by-rule"))
    compiled = linked(stored, {"by-rule": rule(trait("plan", "=", "pro"))})
    (found,) = suggestions(compiled, facts(History(), compiled), KNOWN, now=NOW)
    assert found.words == "plan becomes pro"


def test_conditions_on_one_event_that_exclude_each_other_are_met_by_two_events() -> None:
    (found,) = suggested(
        happened("Product Viewed", "=", 1, where=prop("color", "=", "red")),
        happened("Product Viewed", "=", 1, where=prop("color", "!=", "red")),
    )
    assert len(found.change.occurrences) == 2


def test_contradictions_end_the_search() -> None:
    assert suggested(trait("plan", "=", "a"), trait("plan", "=", "b")) == ()
    assert (
        suggested(
            happened("Product Viewed", ">=", 2, last="PT1H"),
            happened("Product Viewed", "<", 2, last="P1D"),
        )
        == ()
    )


@pytest.mark.parametrize("combinator", [both, either])
def test_large_rules_take_bounded_work(combinator: Any) -> None:
    leaves = [
        happened("Product Viewed", ">=", n % 4 + 1, last="P1D", where=prop(f"c{n % 7}", "=", n))
        for n in range(15)
    ]
    compiled = linked(rule(combinator(*leaves)), {})
    known = facts(History(), compiled)
    with counted_answers() as asked:
        found = suggestions(compiled, known, KNOWN, now=NOW)
    assert found
    # Those counted as several questions make it less.
    assert asked[0] <= MAX_ANSWERS + 1


def test_thirty_failing_conditions_are_repaired_in_one_go() -> None:
    compiled = linked(rule(*[trait(f"c{n}", "=", n) for n in range(30)]), {})
    with counted_answers() as asked:
        (found,) = suggestions(compiled, facts(History(), compiled), KNOWN, now=NOW)
    assert len(found.change.traits) == 30
    assert asked[0] < MAX_ANSWERS / 2


def test_a_hopeless_rule_takes_bounded_work() -> None:
    never = [happened("Product Viewed", "=", 0) for _ in range(20)]
    compiled = linked(rule(*never, happened("Product Viewed", ">=", 1, last="PT1H")), {})
    with counted_answers() as asked:
        assert suggestions(compiled, facts(VIEWED, compiled), KNOWN, now=NOW) == ()
    assert asked[0] <= MAX_ANSWERS + 1


@some_or_all(80)
def test_every_suggestion_turns_the_answer(tries: Tries) -> None:
    @tries
    @given(history=strategies.histories(), rule=strategies.rules(), segments=strategies.segments())
    def holds(history: History, rule: Any, segments: dict[str, Any]) -> None:
        compiled = linked(rule, segments)
        known = facts(history, compiled)
        found = suggestions(compiled, known, Catalogue(), now=NOW)
        for each in found:
            assert each.steps
            assert each.at >= NOW
            assert turns(rule, history, segments, each.change)
            after = applied(each.change, known, needs=Question.of(compiled).needs)
            before = evaluate(compiled, known, now=NOW).holds
            assert evaluate(compiled, after, now=each.at).holds is not before

    holds()


@examples(30)
@given(history=strategies.histories(), leaf=st.sampled_from([">=", ">", "="]), n=st.integers(1, 5))
def test_a_count_is_reached_with_no_more_than_are_missing(
    history: History, leaf: str, n: int
) -> None:
    stored = rule(happened("Page Viewed", leaf, n, last="P1D"))
    compiled = linked(stored, {})
    for found in suggestions(compiled, facts(history, compiled), Catalogue(), now=NOW):
        fewer = found.change.occurrences[1:]
        if fewer and not oracle.holds(stored["root"], history, {}, now=NOW):
            less = Change(at=found.at, occurrences=fewer)
            assert not turns(stored, history, {}, less)
