"""Where visits end before a goal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from personalization.ml.sequences.dropouts import DropOutConfig, dropouts
from personalization.ml.unfit import UnfitData
from tests.effort import examples
from tests.ml.sequences.people import people, walk

VISITS = [
    *[walk("home", "product", "cart", "address", "order", "home")] * 50,
    *[walk("home", "product", "cart", "delivery", "order")] * 10,
    *[walk("home", "product", "cart", "address")] * 45,
    *[walk("home", "product")] * 25,
    *[walk("product", "home")] * 15,
    *[walk("order")] * 5,
]


def test_the_step_that_loses_the_most_comes_first() -> None:
    found = dropouts(VISITS, goal="order")
    assert [each.step for each in found] == ["address"]
    (address,) = found
    assert (address.visits, address.reached, address.ended) == (95, 50, 45)
    assert address.share == pytest.approx(45 / 95)
    came = 50 * 4 + 10 * 4 + 45 * 4 + 25 * 2 + 15 * 2
    assert address.usual == pytest.approx((45 + 25 + 15) / came)
    assert address.lost == pytest.approx(45 - 95 * address.usual)
    assert address.ways == (("order", 1.0),)


def test_those_who_reach_the_goal_show_the_way_on() -> None:
    # Whoever comes back to the cart did not go on from there the first time.
    visits = [
        *[walk("cart", "home", "cart", "address", "order")] * 30,
        *[walk("cart", "delivery", "order")] * 10,
        *[walk("cart")] * 60,
        *[walk(*"abcdefgh")] * 40,
    ]
    (cart,) = (each for each in dropouts(visits, goal="order") if each.step == "cart")
    assert cart.ways == (("address", 0.75), ("delivery", 0.25))


def test_what_ends_as_often_as_elsewhere_is_no_drop_out() -> None:
    even = [walk("a", "b", "order")] * 40 + [walk("a")] * 20 + [walk("b")] * 20
    assert dropouts(even, goal="order") == []


def test_few_visits_say_nothing() -> None:
    few = [*VISITS, *[walk("odd")] * 20]
    assert "odd" not in {each.step for each in dropouts(few, goal="order")}
    found = dropouts(few, goal="order", config=DropOutConfig(visits=20))
    assert "odd" in {each.step for each in found}


def test_too_few_visits_that_reach_the_goal_are_said() -> None:
    with pytest.raises(UnfitData, match="Needs 20 visits that reach “order”, there are 3"):
        dropouts([walk("order")] * 3 + [walk("home")] * 100, goal="order")


ALL = DropOutConfig(visits=1, reached=1, chance=1)


@examples(60)
@given(people(names="abg"))
def test_every_visit_ends_or_reaches_the_goal(visits: Any) -> None:
    reached = [visit for visit in visits if "g" in visit.steps]
    try:
        found = dropouts(visits, goal="g", config=ALL)
    except UnfitData:
        assert not reached
        return
    lost = [visit for visit in visits if "g" not in visit.steps]
    for each in found:
        came = [visit for visit in visits if each.step in visit.before("g").steps]
        assert each.visits == len(came)
        assert each.reached == sum("g" in visit.steps for visit in came)
        assert each.ended == sum(visit.steps[-1:] == (each.step,) for visit in lost)
        assert sum(share for _, share in each.ways) <= 1 + 1e-9
        assert all(each.step != "g" for each in found)


def test_the_order_of_visits_changes_nothing() -> None:
    assert dropouts(VISITS[::-1], goal="order") == dropouts(VISITS, goal="order")
