"""What one visitor's events say that was done with items."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.item_events import ENGAGED, QUICK_EXIT, ItemEvents, Weighing
from personalization.ml.training.journeys import Done, Happened, Window, journey, visits_of
from personalization.profiles.visits import Span, joined
from tests.effort import examples
from tests.ml.training.visitors import after

GAP = timedelta(minutes=30)
WINDOW = Window(since=after(-600), until=after(600), gap=GAP)


def event(name: str, minutes: float, *, path: Any = None, **properties: Any) -> Happened:
    return Happened(after(minutes), f"{name}-{minutes}", name, properties, path)


def viewed(item: str, minutes: float, path: Any = None) -> Happened:
    return event("Product Viewed", minutes, path=path, product_id=item)


def engaged(seconds: Any, minutes: float, path: Any = None) -> Happened:
    return event(ENGAGED, minutes, path=path, seconds=seconds)


def done(
    *happened: Happened, stored: Sequence[Span] = (), events: ItemEvents | None = None,
    window: Window = WINDOW,
) -> list[Done]:  # fmt: skip
    return list(journey(happened, stored, events=events or ItemEvents(), window=window))


def told(*happened: Happened, **more: Any) -> list[tuple[str, str]]:
    return [(each.concern.kind, each.concern.item) for each in done(*happened, **more)]


def test_time_on_a_page_is_spent_with_what_was_viewed_last() -> None:
    rows = done(viewed("sock", 0), viewed("shoe", 1), engaged(40, 2))
    assert (rows[-1].concern.item, rows[-1].concern.amount) == ("shoe", 40)


def test_time_on_a_page_is_spent_with_what_was_viewed_on_that_page() -> None:
    happened = (viewed("sock", 0, "/sock/"), viewed("shoe", 1, "/shoe/"), engaged(40, 2, "/sock/"))
    assert told(*happened)[-1] == (ENGAGED, "sock")


def test_time_on_a_page_without_an_item_is_spent_with_none() -> None:
    assert told(viewed("sock", 0, "/sock/"), engaged(40, 1, "/cart/")) == [
        ("Product Viewed", "sock")
    ]


def test_a_click_on_a_list_is_not_yet_looking_at_the_item() -> None:
    clicked = event("Product Clicked", 0, path="/socks/", product_id="sock")
    assert told(clicked, engaged(40, 1, "/socks/")) == [("Product Clicked", "sock")]


def test_time_in_another_visit_is_not_spent_with_the_item_of_this_one() -> None:
    assert told(viewed("sock", 0), engaged(40, 31)) == [("Product Viewed", "sock")]


@pytest.mark.parametrize("seconds", [0, -1, "long", None, 1e9, [1]])
def test_a_time_that_cannot_be_is_left_out(seconds: Any) -> None:
    assert told(viewed("sock", 0), engaged(seconds, 1)) == [("Product Viewed", "sock")]


def test_an_event_of_time_that_names_its_item_is_of_that() -> None:
    rows = done(viewed("sock", 0), event(ENGAGED, 1, item_id="waves", seconds=50))
    assert (rows[-1].concern.item, rows[-1].concern.amount) == ("waves", 50)


def test_a_visit_that_ends_within_seconds_ends_in_a_quick_exit() -> None:
    assert told(viewed("sock", 0), engaged(4, 1))[-1] == (QUICK_EXIT, "sock")


def test_who_stays_or_goes_on_does_not_leave_quickly() -> None:
    assert told(viewed("sock", 0), engaged(12, 1))[-1] == (ENGAGED, "sock")
    assert told(viewed("sock", 0), engaged(4, 1), viewed("shoe", 2))[1] == (ENGAGED, "sock")
    # In two parts, as when a visitor looks at another tab for a while.
    assert told(viewed("sock", 0), engaged(6, 1), engaged(6, 2))[-1] == (ENGAGED, "sock")


def test_who_does_what_concerns_no_item_afterwards_does_not_leave_either() -> None:
    stored = [Span(after(0), after(9), 12)]
    assert told(viewed("sock", 0), engaged(4, 1), stored=stored)[-1] == (ENGAGED, "sock")


def test_a_visit_that_may_go_on_has_not_ended_yet() -> None:
    happened = (viewed("sock", 0), engaged(4, 1))
    soon = Window(since=after(-60), until=after(30), gap=GAP)
    assert told(*happened, window=soon)[-1] == (ENGAGED, "sock")
    later = Window(since=after(-60), until=after(31), gap=GAP)
    assert told(*happened, window=later)[-1] == (QUICK_EXIT, "sock")


def test_a_visit_that_began_before_the_window_tells_of_no_exit() -> None:
    stored = [Span(after(-20), after(1), 9)]
    window = Window(since=after(-10), until=after(600), gap=GAP)
    assert told(viewed("sock", 0), engaged(4, 1), stored=stored, window=window)[-1][0] == ENGAGED


def test_a_site_for_which_exits_say_nothing_has_none() -> None:
    events = ItemEvents({**ItemEvents().weighings, QUICK_EXIT: Weighing(0)})
    assert told(viewed("sock", 0), engaged(4, 1), events=events)[-1] == (ENGAGED, "sock")


def test_visits_that_are_known_are_not_torn_apart() -> None:
    """What lay between is of no item, so it is not read."""
    rows = done(viewed("sock", 0), viewed("shoe", 50), stored=[Span(after(0), after(60), 9)])
    assert [each.visit for each in rows] == [0, 0]
    rows = done(viewed("sock", 0), viewed("shoe", 50))
    assert [each.visit for each in rows] == [0, 1]


def test_an_order_is_done_with_all_of_its_products_at_once() -> None:
    order = event("Order Completed", 0, products=[{"sku": "sock", "price": 3}, {"sku": "shoe"}])
    rows = done(order)
    assert [each.concern.item for each in rows] == ["sock", "shoe"]
    assert rows[0].concern.amount == 3
    assert math.isnan(rows[1].concern.amount)


moments = st.lists(st.integers(0, 300), min_size=1, max_size=12, unique=True)


def instants(minutes: Sequence[int]) -> list[datetime]:
    return [after(each) for each in minutes]


@examples(100)
@given(minutes=moments, known=moments)
def test_visits_are_those_of_all_that_is_known(minutes: list[int], known: list[int]) -> None:
    stored = joined((Span(at, at) for at in instants(known)), gap=GAP)
    found = visits_of(instants(minutes), stored, gap=GAP)
    expected = joined((Span(at, at) for at in instants([*minutes, *known])), gap=GAP)
    assert [(span.start, span.end) for span in found] == [
        (span.start, span.end) for span in expected
    ]


@examples(60)
@given(minutes=moments, seed=st.integers(0, 1000))
def test_the_order_of_arrival_changes_nothing(minutes: list[int], seed: int) -> None:
    rng = random.Random(seed)
    happened = [
        engaged(rng.randint(1, 30), at) if rng.random() < 0.4 else viewed(rng.choice("abc"), at)
        for at in minutes
    ]
    expected = told(*happened)
    rng.shuffle(happened)
    assert told(*happened) == expected


@examples(60)
@given(minutes=moments, until=st.integers(0, 300))
def test_what_happens_later_does_not_change_what_was(minutes: list[int], until: int) -> None:
    happened = [viewed("ab"[at % 2], at) if at % 3 else engaged(5, at) for at in minutes]
    window = Window(since=after(-60), until=after(until), gap=GAP)
    before = [each for each in happened if each.at < window.until]
    stored = joined((Span(each.at, each.at) for each in happened), gap=GAP)
    then = joined((Span(each.at, each.at) for each in before), gap=GAP)
    assert told(*before, stored=stored, window=window) == told(*before, stored=then, window=window)
