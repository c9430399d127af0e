"""What was planted is what comes out of it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np

from project.shop.journey import Shelves, moment
from project.shop.planted import (
    ARRIVE,
    KINDS,
    SOON,
    SPAN,
    Planted,
    chance,
    plant,
    planted_until,
)
from tests.project.test_simulate import SHELVES

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def people(
    *, visitors: int = 200, seed: int = 1, shelves: Shelves = SHELVES, since: datetime = NOW - SPAN
) -> list[Planted]:
    made = plant(seed=seed, since=since, visitors=visitors, shelves=shelves, arrive=ARRIVE)
    return list(made)


# -- what is planted -------------------------------------------------------------------------


def test_the_same_seed_plants_the_same_people() -> None:
    assert people(visitors=20) == people(visitors=20)
    assert people(visitors=20) != people(visitors=20, seed=2)


def test_one_more_visitor_leaves_the_others_as_they_were() -> None:
    assert people(visitors=21)[:20] == people(visitors=20)


def test_there_are_people_of_every_kind_and_taste() -> None:
    planted = people()
    assert {somebody.kind.name for somebody in planted} == {kind.name for kind in KINDS}
    assert {somebody.likes for somebody in planted} == set(SHELVES.categories)


def test_people_look_at_what_they_like() -> None:
    for somebody in people(visitors=40):
        seen = Counter(
            event["properties"]["category"]
            for event in somebody.events
            if event.get("event") == "Product Viewed"
        )
        if seen.total() >= 30:
            assert seen.most_common(1)[0][0] == somebody.likes


def test_orders_are_where_they_were_decided_and_nowhere_else() -> None:
    for somebody in people():
        orders = [
            moment(event) for event in somebody.events if event.get("event") == "Order Completed"
        ]
        for decision in somebody.decisions:
            followed = [at for at in orders if decision.at < at <= decision.at + SOON]
            assert len(followed) == decision.orders
        assert len(orders) == sum(decision.orders for decision in somebody.decisions)


def test_the_chance_of_a_visit_is_how_often_an_order_follows() -> None:
    decisions = [one for somebody in people(visitors=500) for one in somebody.decisions]
    chances = np.array([one.chance for one in decisions])
    orders = np.array([one.orders for one in decisions])
    for low in (0.0, 0.2, 0.4, 0.6):
        some = (chances >= low) & (chances < low + 0.2)
        deviation = np.sqrt((chances[some] * (1 - chances[some])).sum()) / some.sum()
        assert abs(orders[some].mean() - chances[some].mean()) < 4.5 * deviation


def test_products_and_a_full_cart_raise_the_chance() -> None:
    for kind in KINDS:
        assert chance(kind, products=1, carts=0) < chance(kind, products=2, carts=0)
        assert chance(kind, products=1, carts=0) < chance(kind, products=1, carts=1)


def test_all_of_a_history_is_over_when_it_ends_whatever_chance_says() -> None:
    longest = max(kind.visits[1] for kind in KINDS)
    assert ARRIVE + longest * timedelta(days=5) < SPAN
    for somebody in planted_until(NOW, seed=1, visitors=200, shelves=SHELVES):
        moments = [moment(event) for event in somebody.events]
        assert NOW - SPAN <= moments[0] < NOW - SPAN + ARRIVE
        assert max(moments) < NOW
        assert somebody.decisions[-1].at + SOON < NOW


def test_the_demo_and_the_tests_have_the_same_truth() -> None:
    demo = planted_until(NOW, seed=1, visitors=30, shelves=SHELVES)
    assert list(demo) == people(visitors=30)


def test_a_history_may_end_anywhere() -> None:
    early, late = (
        list(planted_until(now, seed=1, visitors=20, shelves=SHELVES))
        for now in (NOW, NOW + timedelta(days=400))
    )
    for one, other in zip(early, late, strict=True):
        assert (one.kind, one.likes) == (other.kind, other.likes)
        assert len(one.events) == len(other.events)
        assert [each.orders for each in one.decisions] == [each.orders for each in other.decisions]
