"""Features that every profile has."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.profiles.features import add, definitions, kept, published
from personalization.rules.occurrence import Occurrence


def value(feature: str, *events: tuple[str, dict[str, Any]]) -> Any:
    sums: dict[str, int] = {}
    for number, (name, properties) in enumerate(events):
        add(sums, Occurrence("track", name, properties, number, str(number)))
    return published(sums)[feature]


@pytest.mark.parametrize(
    ("feature", "event", "properties", "expected"),
    [
        ("events.count", "Anything", {}, 2),
        ("pages.count", "Page Viewed", {}, 2),
        ("cart.adds", "Product Added", {}, 2),
        ("orders.count", "Order Completed", {}, 2),
        ("orders.revenue", "Order Completed", {"total": 19.99}, 39.98),
        ("engagement.seconds", "Engaged", {"seconds": 1.5}, 3.0),
        ("interest.score", "Element Clicked", {}, 2),
        ("interest.score", "Product Clicked", {}, 2),
        ("interest.score", "Product Added", {}, 6),
        ("interest.score", "Order Completed", {}, 10),
        ("interest.score", "Page Viewed", {}, 0),
        ("orders.count", "Order Refunded", {}, 0),
        ("visits.count", "Page Viewed", {}, 0),
    ],
)
def test_events_add_up(feature: str, event: str, properties: dict[str, Any], expected: Any) -> None:
    assert value(feature, (event, properties), (event, properties)) == expected


@pytest.mark.parametrize(
    "total", [None, "12", True, -5, 10**16, float("inf"), float("nan"), [5], {"amount": 5}]
)
def test_an_amount_that_is_none_counts_as_nothing(total: Any) -> None:
    assert value("orders.revenue", ("Order Completed", {"total": total})) == 0
    assert value("orders.count", ("Order Completed", {"total": total})) == 1


def test_money_adds_up_exactly_in_any_order() -> None:
    events = [("Order Completed", {"total": total}) for total in (0.1, 0.2, 0.3, 1e8, 59.95)]
    assert value("orders.revenue", *events) == value("orders.revenue", *reversed(events))
    assert value("orders.revenue", *events) == 100000060.55


def test_every_feature_is_published_from_the_start() -> None:
    assert published({}) == dict.fromkeys(definitions.names(), 0)


def test_a_change_is_named() -> None:
    sums: dict[str, int] = {}
    engaged = Occurrence("track", "Engaged", {"seconds": 0}, 1, "a")
    assert add(sums, engaged) == {"events.count"}
    assert add(sums, Occurrence("track", "Engaged", {"seconds": 3}, 2, "b")) == {
        "events.count",
        "engagement.seconds",
    }


def test_every_feature_says_of_what_it_is_and_in_which_range() -> None:
    for _, definition in definitions.items():
        assert definition.label
        assert definition.description.endswith(".")


def test_points_are_those_that_the_weights_say() -> None:
    sums: dict[str, int] = {}
    clicked = Occurrence("track", "Element Clicked", {}, 1, "a")
    assert add(sums, clicked, weights={"Element Clicked": -2}) == {
        "events.count",
        "interest.score",
    }
    assert published(sums)["interest.score"] == -2
    assert add(sums, clicked, weights={}) == {"events.count"}
    assert published(sums)["interest.score"] == -2


def test_what_is_kept_tells_weights_apart() -> None:
    assert kept({"a": 1, "b": 2}) == kept({"b": 2, "a": 1})
    assert kept({"a": 1}) != kept({"a": 2})
    assert len(kept()) == len(definitions.names())
