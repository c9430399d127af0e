"""What each feature says of a history, that it knows no later event and no order of arrival."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import microseconds
from personalization.ml.features.deeds import Deed
from personalization.ml.features.definitions import (
    Definition,
    UnknownFeature,
    definition_of,
    features,
    path_feature,
    version_of,
)
from personalization.ml.features.past import Past
from personalization.ml.features.shipped import names
from personalization.ml.features.table import past_of, row_of
from personalization.profiles.features import definitions as counted
from personalization.profiles.features import published
from personalization.profiles.visits import Span, joined
from tests.effort import examples
from tests.ml.features.pasts import GAP, NOW, deed, deeds, page, past

HOUR, DAY, MINUTE, SECOND = (
    timedelta(hours=1), timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1),
)  # fmt: skip
PATHS = (path_feature(["/shop", "Product Viewed"]), path_feature(["/", "/blog", "/shop"]))
ALL = (*names(), *PATHS)


def value(name: str, of: Past) -> float:
    return float(definition_of(name).value(of))


def row(some: Sequence[Deed], *, at: datetime = NOW) -> Any:
    known = past_of(sorted(some), at=microseconds(at), gap=GAP, zone="UTC")
    return row_of(known, [definition_of(name) for name in ALL])


SHOPPER = past(
    # Forty days ago: came by a search engine, looked, and left.
    page("/", ago=40 * DAY, context={"page": {"referrer": "https://www.google.com/x"}}),
    # Three days ago: twenty minutes, two products, an order.
    page("/shop/1", ago=3 * DAY, context={"campaign": {"medium": "newsletter"}}),
    deed("Product Viewed", ago=3 * DAY - MINUTE, product_id="p1"),
    deed("Element Clicked", ago=3 * DAY - 2 * MINUTE),
    deed("Scroll Depth Reached", ago=3 * DAY - 3 * MINUTE, percent=50),
    deed("Scroll Depth Reached", ago=3 * DAY - 4 * MINUTE, percent=75),
    deed("Engaged", ago=3 * DAY - 5 * MINUTE, seconds=40),
    page("/shop/2", ago=3 * DAY - 6 * MINUTE),
    deed("Product Viewed", ago=3 * DAY - 7 * MINUTE, product_id="p2"),
    deed("Product Added", ago=3 * DAY - 8 * MINUTE, product_id="p2"),
    deed("Order Completed", ago=3 * DAY - 20 * MINUTE, total=19.99, order_id="o1"),
    # Ten minutes ago, on a telephone: puts something into the cart.
    page("/shop/1", ago=10 * MINUTE, context={"userAgent": "iPhone Mobile", "page": {"url": "x"}}),
    deed("Product Added", ago=5 * MINUTE, product_id="p1"),
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("events.count", 13), ("events.count.7d", 12), ("pages.count", 4), ("pages.count.30d", 3),
        ("orders.count", 1), ("orders.revenue", 19.99), ("orders.revenue.7d", 19.99),
        ("orders.mean", 19.99), ("cart.adds", 2), ("cart.adds.1d", 1),
        ("engagement.seconds", 40),
        ("recency.event", 5 / 1440), ("recency.cart", 5 / 1440),
        ("recency.order", 3 - 20 / 1440), ("recency.first", 40),
        ("visits.count", 3), ("visits.count.7d", 2), ("visits.count.30d", 2),
        ("visits.pause", (40 - 10 / 1440) / 2),
        ("visits.seconds", (0 + 1200 + 300) / 3), ("visits.events", 13 / 3),
        ("visits.pages", 4 / 3), ("visits.bounced", 2 / 3),
        ("visit.open", 1), ("visit.seconds", 300), ("visit.events", 2), ("visit.pages", 1),
        ("visit.products", 1), ("visit.cart", 1), ("visit.engaged", 0),
        ("ratio.clicks", 1 / 4), ("ratio.scrolled", 1 / 4), ("ratio.dwell", 10),
        ("ratio.searches", 0), ("ratio.cart", 1), ("ratio.slots", math.nan),
        ("ratio.orders", 1 / 3), ("ratio.abandoned", 1 / 2),
        ("variety.products", 2), ("variety.pages", 3 / 4),
        ("context.hour", 10), ("context.weekday", 0),
        ("device.mobile", 1), ("device.desktop", 0), ("device.tablet", 0),
        ("source.direct", 1), ("source.email", 0),
        (path_feature(["/shop", "Product Viewed"]), 2),
        (path_feature(["Product Viewed", "Product Added", "Order Completed"]), 1),
        (path_feature(["Order Completed", "/shop"]), 0),
    ],
)  # fmt: skip
def test_a_feature_says_of_a_shopper(name: str, expected: float) -> None:
    assert value(name, SHOPPER) == pytest.approx(expected, nan_ok=True)


def shown(ago: timedelta, decision: str, **properties: Any) -> Deed:
    return deed("Slot Shown", ago=ago, slot="hero", decision_id=decision, **properties)


def clicked(ago: timedelta, decision: str, **properties: Any) -> Deed:
    return deed("Slot Clicked", ago=ago, slot="hero", decision_id=decision, **properties)


def test_clicks_on_slots_are_counted_of_what_they_showed_and_of_no_default() -> None:
    seen = (shown(HOUR, "a", variation="b1"), clicked(HOUR - SECOND, "a", variation="b1"))
    assert value("ratio.slots", past(*seen, shown(MINUTE, "b", variation="b2"))) == 1 / 2
    # Held out: an event says so, and has nothing to name.
    held_out = [shown(n * HOUR, f"d{n}", reason="holdout") for n in (3, 4, 5)]
    assert value("ratio.slots", past(*seen, *held_out)) == 1
    assert value("ratio.slots", past(*seen, *held_out, clicked(MINUTE, "d3"))) == 1
    assert math.isnan(value("ratio.slots", past(*held_out, clicked(MINUTE, "d3"))))
    empty = shown(2 * HOUR, "e", variation="")
    assert value("ratio.slots", past(*seen, empty)) == 1


def test_a_click_that_does_not_say_on_what_counts_unless_a_default_was_shown() -> None:
    unsaid = deed("Slot Clicked", ago=MINUTE, slot="hero")
    assert value("ratio.slots", past(shown(HOUR, "a", variation="b1"), unsaid)) == 1


def test_what_clicks_on_slots_are_counted_of_is_another_revision() -> None:
    assert definition_of("ratio.slots").revision == 2


def test_steps_are_as_various_as_their_entropy() -> None:
    two = past(page("/a", ago=HOUR), page("/b", ago=HOUR - SECOND))
    assert value("variety.steps", two) == 1
    one = past(page("/a/1", ago=HOUR), page("/a/2", ago=HOUR - SECOND))
    assert value("variety.steps", one) == 0
    assert math.isnan(value("variety.steps", past()))


@pytest.mark.parametrize("name", ["context.hour", "context.weekday"])
def test_hours_and_days_are_those_of_the_site(name: str) -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)  # a Sunday; in Tokyo a Monday
    assert value(name, past(at=late)) == {"context.hour": 23, "context.weekday": 6}[name]
    there = past(at=late, zone="Asia/Tokyo")
    assert value(name, there) == {"context.hour": 8, "context.weekday": 0}[name]


def test_who_did_nothing_has_counted_nothing_and_is_not_known() -> None:
    nothing = past()
    for name in ("events.count", "visits.count", "visit.events", "device.mobile", *PATHS):
        assert value(name, nothing) == 0
    for name in ("recency.event", "recency.order", "orders.mean", "ratio.clicks", "visits.pause"):
        assert math.isnan(value(name, nothing))


def test_windows_begin_after_their_first_instant() -> None:
    exactly = past(deed("Order Completed", ago=7 * DAY, total=5))
    assert value("orders.count.7d", exactly) == 0
    within = past(deed("Order Completed", ago=7 * DAY - timedelta(microseconds=1), total=5))
    assert value("orders.count.7d", within) == 1


@examples(40)
@given(deeds(), deeds(), st.integers(1, 10**12))
def test_what_comes_later_changes_nothing(some: Any, others: Any, later: int) -> None:
    after = [replace_at(each, microseconds(NOW) + later) for each in others]
    np.testing.assert_array_equal(row([*some, *after]), row(some))


def replace_at(each: Deed, at: int) -> Deed:
    return each._replace(at=at)


@examples(40)
@given(st.data())
def test_the_order_of_arrival_changes_nothing(data: Any) -> None:
    some = data.draw(deeds(least=2))
    np.testing.assert_array_equal(row(data.draw(st.permutations(some))), row(some))


@examples(40)
@given(deeds())
def test_values_lie_in_their_range(some: Any) -> None:
    for name, found in zip(ALL, row(some), strict=True):
        definition = definition_of(name)
        assert math.isnan(found) or definition.least <= found <= definition.most, name


@examples(40)
@given(deeds())
def test_sums_are_those_that_profiles_count(some: Any) -> None:
    sums: dict[str, int] = {}
    for each in some:
        for name, amount in each.counted:
            sums[name] = sums.get(name, 0) + amount
    known = past(*some)
    for name, expected in published(sums).items():
        if name not in {"visits.count", "interest.score"}:
            assert value(name, known) == expected


@examples(40)
@given(deeds(least=1))
def test_visits_are_those_of_profiles(some: Any) -> None:
    moments = [NOW + timedelta(microseconds=each.at - microseconds(NOW)) for each in some]
    spans = joined((Span(at, at) for at in moments), gap=timedelta(minutes=30))
    known = past(*some)
    assert [(len(visit.all), visit.seconds) for visit in known.visits] == [
        (each.events, (each.end - each.start).total_seconds()) for each in spans
    ]


def test_every_feature_says_what_it_is() -> None:
    for name in names():
        definition = definition_of(name)
        assert definition.label
        assert definition.description.endswith(".")
        assert definition.least < definition.most
    assert len(set(names())) == len(names())


def test_what_a_site_counts_of_profiles_is_a_feature_too(monkeypatch: Any) -> None:
    known = counted.get("orders.count")
    assert known is not None
    entries = dict(counted.items()) | {"gifts.count": replace(known, label="gifts")}
    monkeypatch.setattr(counted, "_entries", entries)
    assert "gifts.count" in names()
    assert definition_of("gifts.count.90d").label == "gifts, 90 days"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("orders.cuont", "orders.cuont”; allowed: orders.mean, orders.count"),
        ("interest.score", "no feature “interest.score"),
        ("events.count.0d", "no feature"),
        ("path:", "1 to 4"),
        ("path:a > b > c > d > e", "has 5 steps"),
        ("path:a >  > b", "each of them named"),
    ],
)
def test_a_feature_that_there_is_not_is_refused(name: str, says: str) -> None:
    with pytest.raises(UnknownFeature, match=says):
        definition_of(name)


def test_the_version_is_that_of_the_definitions_used(monkeypatch: Any) -> None:
    version = version_of(names(), gap=GAP, zone="UTC")
    assert version_of(names()[::-1], gap=GAP, zone="UTC") == version
    assert version_of(names()[1:], gap=GAP, zone="UTC") != version
    assert version_of(names(), gap=GAP + 1, zone="UTC") != version
    assert version_of(names(), gap=GAP, zone="Asia/Tokyo") != version
    one = features.get("ratio.clicks")
    assert one is not None
    others = [name for name in names() if name != "ratio.clicks"]
    without = version_of(others, gap=GAP, zone="UTC")
    entries = dict(features.items()) | {"ratio.clicks": replace(one, revision=2)}
    monkeypatch.setattr(features, "_entries", entries)
    assert version_of(names(), gap=GAP, zone="UTC") != version
    assert version_of(others, gap=GAP, zone="UTC") == without


def test_a_site_adds_its_own(monkeypatch: Any) -> None:
    monkeypatch.setattr(features, "_entries", dict(features.items()))
    own = Definition(
        label="searches", value=lambda known: known.last().n({"Products Searched"}), description="."
    )
    features.register("searches.count")(own)
    assert "searches.count" in names()
    assert value("searches.count", past(deed("Products Searched", ago=DAY))) == 1
