"""What an event says of items, whoever sent it and whatever is in it."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.events.catalogue import SHIPPED as SCHEMAS
from personalization.ml.item_events import (
    ENGAGED,
    MAX_KEY,
    MAX_PRODUCTS,
    QUICK_EXIT,
    SHIPPED,
    ItemEvents,
    Weighing,
    key_of,
    number,
    seconds_of,
)
from tests.effort import examples

shipped = ItemEvents()


def items(name: str, properties: Any, events: ItemEvents = shipped) -> list[str]:
    return [concern.item for concern in events.read(name, properties)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
names_of_properties = st.sampled_from(
    ["product_id", "item_id", "sku", "slug", "products", "price", "quantity", "seconds", "path"]
)


@pytest.mark.parametrize("name", ["Product Viewed", "Product Added", "Product Clicked"])
def test_an_event_of_a_product_concerns_it(name: str) -> None:
    (concern,) = shipped.read(name, {"product_id": "sock", "price": 4})
    assert (concern.item, concern.kind) == ("sock", name)


def test_an_order_concerns_each_of_its_products() -> None:
    order = {"order_id": "1", "products": [{"product_id": "sock"}, {"sku": "shoe"}]}
    assert items("Order Completed", order) == ["sock", "shoe"]


def test_an_article_is_known_by_its_number_or_its_slug() -> None:
    assert items("Article Viewed", {"article_id": 7, "slug": "waves"}) == ["7"]
    assert items("Article Viewed", {"title": "On waves", "slug": "waves"}) == ["waves"]


def test_a_list_that_was_looked_at_is_no_interest_in_what_is_in_it() -> None:
    assert items("Product List Viewed", {"products": [{"product_id": "sock"}]}) == []


def test_pages_are_items_only_where_a_site_says_by_which_property() -> None:
    page = {"path": "/waves/?utm_source=x#top", "item_id": "w1"}
    assert items("Page Viewed", page) == []
    by_path = ItemEvents({"Page Viewed": Weighing(1, "path")})
    assert items("Page Viewed", page, by_path) == ["/waves/"]
    by_number = ItemEvents({"Page Viewed": Weighing(1, "item_id")})
    assert items("Page Viewed", page, by_number) == ["w1"]


def test_the_property_of_a_site_is_the_only_one_that_counts() -> None:
    events = ItemEvents({"Ticket Bought": Weighing(4, "show")})
    assert items("Ticket Bought", {"show": "hamlet", "product_id": "seat-3"}, events) == ["hamlet"]
    assert items("Ticket Bought", {"product_id": "seat-3"}, events) == []
    assert items("Ticket Bought", {"products": [{"show": "lear"}]}, events) == ["lear"]


def test_what_weighs_nothing_is_not_read() -> None:
    events = ItemEvents({"Product Viewed": Weighing(0), "Product Added": Weighing(3)})
    assert items("Product Viewed", {"product_id": "sock"}, events) == []
    assert events.names == {"Product Added"}
    assert events.weights == {"Product Added": 3}


def test_a_quick_exit_is_no_event_that_could_be_read() -> None:
    assert QUICK_EXIT in shipped.weights
    assert QUICK_EXIT not in shipped.names


def test_what_is_dearer_measures_more_and_a_view_measures_nothing() -> None:
    (added,) = shipped.read("Product Added", {"product_id": "sock", "price": "4.5", "quantity": 2})
    (viewed,) = shipped.read("Product Viewed", {"product_id": "sock", "price": 4.5})
    assert added.amount == 9
    assert math.isnan(viewed.amount)


def test_one_product_on_two_lines_of_an_order_is_one_item_worth_both() -> None:
    lines = [{"product_id": "sock", "price": 4}, {"product_id": "sock", "price": 4, "quantity": 2}]
    (concern,) = shipped.read("Order Completed", {"products": lines})
    assert concern.amount == 12


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("sock", "sock"), ("  sock ", "sock"), (17, "17"), (17.0, "17"), ("17", "17"),
        (True, None), (None, None), ("", None), ("  ", None), (1.5, None), (math.inf, None),
        ([], None), ({}, None), ("a\x00b", None), ("a\nb", None), ("x" * MAX_KEY, "x" * MAX_KEY),
        ("x" * (MAX_KEY + 1), None), (10**400, None), ("\ud800", None),
    ],
)  # fmt: skip
def test_only_what_can_be_stored_as_a_key_is_one(value: Any, key: str | None) -> None:
    assert key_of(value) == key


@pytest.mark.parametrize("seconds", [0, -3, 1e9, "soon", None, True, [], math.nan, math.inf])
def test_a_time_that_nobody_spends_on_a_page_is_not_believed(seconds: Any) -> None:
    assert math.isnan(seconds_of({"seconds": seconds}))


def test_time_on_a_page_is_told_in_seconds() -> None:
    assert seconds_of({"seconds": "12"}) == 12
    (concern,) = shipped.read(ENGAGED, {"item_id": "waves", "seconds": 12})
    assert concern.amount == 12


@pytest.mark.parametrize("price", [-1, 1e12, "free", "9" * 50, None, {}])
def test_money_that_cannot_be_is_not_measured(price: Any) -> None:
    (concern,) = shipped.read("Product Added", {"product_id": "sock", "price": price})
    assert math.isnan(concern.amount)


def test_no_order_is_read_without_end() -> None:
    products = [{"product_id": str(n)} for n in range(10 * MAX_PRODUCTS)]
    assert len(shipped.read("Order Completed", {"products": products})) == MAX_PRODUCTS


@examples(200)
@given(
    name=st.sampled_from([*SHIPPED, "Page Viewed"]),
    properties=st.dictionaries(names_of_properties, json_values) | json_values,
)
def test_whatever_is_sent_gives_keys_that_can_be_kept(name: str, properties: Any) -> None:
    events = ItemEvents({**SHIPPED, "Page Viewed": Weighing(1, "path")})
    for concern in events.read(name, properties):
        assert 0 < len(concern.item) <= MAX_KEY
        assert concern.item.isprintable()
        concern.item.encode()  # no half of a surrogate pair
        assert concern.kind == name
        assert not math.isinf(concern.amount)


@examples(50)
@given(value=json_values)
def test_a_number_is_finite_or_none(value: Any) -> None:
    assert not math.isinf(number(value))


def test_what_is_shipped_weighs_as_the_words_of_the_spec_say() -> None:
    assert SHIPPED.keys() - {QUICK_EXIT} <= SCHEMAS.keys()
    weights = shipped.weights
    assert weights["Order Completed"] > weights["Product Added"] > weights["Product Viewed"] > 0
    assert weights["Product Removed"] < 0


def test_the_web_process_reads_events_without_numpy() -> None:
    code = "import personalization.ml.item_events, sys; print('numpy' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
