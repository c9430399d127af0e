"""What events look like, checked by name, property and type."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from personalization import metrics
from personalization.events.catalogue import PROPERTY_TYPES, SHIPPED, Schema, known_events
from personalization.events.models import EventSchema
from personalization.events.schemas import (
    ARTICLES,
    InvalidSchema,
    check,
    read_schema,
    schemas_in_force,
    stored_form,
)
from personalization.types import Json
from tests.effort import examples


@dataclass(frozen=True)
class Call:
    """What of an event a schema speaks of."""

    name: str = "Product Added"
    type: str = "track"
    properties: Mapping[str, Json] = field(default_factory=dict)


def violations(properties: Mapping[str, Json], schema: Schema | None = None, **fields: Any) -> Any:
    """Return code and pointer of each violation."""
    schemas = SHIPPED if schema is None else {schema.name: schema}
    name = schema.name if schema else "Product Added"
    call = Call(**{"name": name, "properties": properties, **fields})
    return [(found.code, found.pointer) for found in check(call, schemas=schemas)]


def typed(kind: Any, *, required: bool = False) -> Schema:
    return Schema("Thing Done", "did", {"it": kind}, frozenset({"it"} if required else ()))


# -- checking -----------------------------------------------------------------------------


def test_what_fits_has_no_violation() -> None:
    assert violations({"product_id": "17", "price": 9.9, "quantity": 2, "own": [1]}) == []


def test_a_value_of_another_type_is_named_with_its_place_and_what_is_allowed() -> None:
    (found,) = check(Call(properties={"price": "9,90"}), schemas=SHIPPED)
    assert (found.code, found.pointer, found.value) == ("wrong_type", "/properties/price", "9,90")
    assert found.message == "/properties/price is “9,90”; it must be a number."


def test_every_violation_is_told() -> None:
    assert violations({"price": "x", "sku": 17, "name": "ok"}) == [
        ("wrong_type", "/properties/price"),
        ("wrong_type", "/properties/sku"),
    ]


def test_a_long_value_is_told_by_its_beginning() -> None:
    (found,) = check(Call(properties={"price": "x" * 1000}), schemas=SHIPPED)
    assert len(found.message) < 120
    assert "…" in found.message


GOOD: dict[str, list[Json]] = {
    "text": ["", "x", "17"],
    "number": [0, -1, 2.5, 10**20],
    "integer": [0, -3, 2.0],
    "boolean": [True, False],
    "datetime": ["2026-03-01", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00.123+02:00"],
    "list": [[], [1, "x"]],
    "object": [{}, {"a": 1}],
}
BAD: dict[str, list[Json]] = {
    "text": [1, True, [], {}],
    "number": ["1", True, [], {}],
    "integer": [2.5, "2", True],
    "boolean": [0, 1, "true"],
    "datetime": ["yesterday", 1772359200, True, "2026-13-01"],
    "list": ["a,b", {}, 1],
    "object": [[], "x", 1],
}


def test_every_type_is_tried_and_has_words() -> None:
    assert set(GOOD) == set(BAD) == set(PROPERTY_TYPES) == set(ARTICLES)


@pytest.mark.parametrize(("kind", "value"), [(k, v) for k, some in GOOD.items() for v in some])
def test_values_of_a_type_fit(kind: str, value: Json) -> None:
    assert violations({"it": value}, typed(kind)) == []


@pytest.mark.parametrize(("kind", "value"), [(k, v) for k, some in BAD.items() for v in some])
def test_values_of_no_type_do_not(kind: str, value: Json) -> None:
    assert violations({"it": value}, typed(kind)) == [("wrong_type", "/properties/it")]


@pytest.mark.parametrize("properties", [{}, {"it": None}, {"it": ""}])
def test_a_demanded_property_is_there_and_not_empty(properties: dict[str, Json]) -> None:
    wanted = typed("text", required=True)
    assert violations(properties, wanted) == [("missing_property", "/properties/it")]
    assert violations({"it": "x"}, wanted) == []


def test_zero_and_no_are_there() -> None:
    assert violations({"it": 0}, typed("number", required=True)) == []
    assert violations({"it": False}, typed("boolean", required=True)) == []


@pytest.mark.parametrize("kind", PROPERTY_TYPES)
def test_what_is_null_is_not_there(kind: str) -> None:
    assert violations({"it": None}, typed(kind)) == []


def test_a_name_without_a_schema_is_unknown() -> None:
    (found,) = check(Call(name="Video Played"), schemas=SHIPPED)
    assert (found.code, found.pointer, found.value) == ("unknown_event", "/event", "Video Played")


@pytest.mark.parametrize("kind", ["page", "screen", "identify", "group", "alias"])
def test_only_tracked_events_can_be_unknown(kind: str) -> None:
    assert violations({"x": 1}, type=kind, name="Identified") == []


def test_a_pointer_leads_to_a_property_with_a_slash_and_into_traits() -> None:
    schema = Schema("Identified", "was identified", {"a/b~c": "text"})
    assert violations({"a/b~c": 1}, schema, type="identify") == [("wrong_type", "/traits/a~1b~0c")]


# -- what is shipped ----------------------------------------------------------------------

SPEC = {
    "browsing": "Products Searched, Product List Viewed, Product List Filtered",
    "promotions": "Promotion Viewed, Promotion Clicked",
    "ordering": "Product Clicked, Product Viewed, Product Added, Product Removed, Cart Viewed, "
    "Checkout Started, Checkout Step Viewed, Checkout Step Completed, Payment Info Entered, "
    "Order Completed, Order Updated, Order Refunded, Order Cancelled",
    "coupons": "Coupon Entered, Coupon Applied, Coupon Denied, Coupon Removed",
    "wishlists": "Product Added to Wishlist, Product Removed from Wishlist, "
    "Wishlist Product Added to Cart",
    "sharing": "Product Shared, Cart Shared",
    "reviewing": "Product Reviewed",
}


@pytest.mark.parametrize("part", SPEC)
def test_the_whole_e_commerce_spec_is_shipped(part: str) -> None:
    for name in SPEC[part].split(", "):
        assert SHIPPED[name].properties
        assert SHIPPED[name].phrase


#: Of each kind of event one as a shop sends it.
SENT: dict[str, dict[str, Json]] = {
    "Products Searched": {"query": "boots"},
    "Product List Filtered": {
        "list_id": "sale", "category": "Boots", "filters": [{"type": "size", "value": "42"}],
        "sorts": [{"type": "price", "value": "asc"}], "products": [{"product_id": "1"}],
    },
    "Promotion Viewed": {"promotion_id": "p1", "creative": "top", "name": "Sale", "position": "a"},
    "Product Viewed": {
        "product_id": "1", "price": 18.99, "quantity": 1, "position": 3, "value": 18.99,
        "currency": "EUR", "url": "https://shop.example/1", "image_url": "https://shop.example/i",
    },
    "Checkout Started": {"order_id": "9", "value": 30, "shipping": 3, "tax": 2, "products": []},
    "Checkout Step Viewed": {"checkout_id": "c", "step": 2, "shipping_method": "post"},
    "Order Completed": {
        "checkout_id": "c", "order_id": "9", "affiliation": "Shop", "subtotal": 22.5,
        "total": 27.5, "revenue": 25.0, "shipping": 3, "tax": 2, "discount": 2.5, "coupon": "x",
        "currency": "EUR", "products": [{"product_id": "1", "quantity": 1}],
    },
    "Order Refunded": {"order_id": "9"},
    "Coupon Denied": {"cart_id": "c", "coupon_id": "x", "coupon_name": "X", "reason": "expired"},
    "Wishlist Product Added to Cart": {"wishlist_id": "w", "cart_id": "c", "product_id": "1"},
    "Product Shared": {"share_via": "mail", "share_message": "Look", "recipient": "a friend"},
    "Product Reviewed": {"product_id": "1", "review_id": "r", "review_body": "Good", "rating": "5"},
    "Scroll Depth Reached": {"percent": 75},
}  # fmt: skip


@pytest.mark.parametrize("name", SENT)
def test_events_as_shops_send_them_fit(name: str) -> None:
    assert violations(SENT[name], name=name) == []
    assert set(SENT[name]) <= set(SHIPPED[name].properties)


@pytest.mark.parametrize("name", ["Order Completed", "Order Updated", "Order Refunded"])
def test_an_order_has_a_number(name: str) -> None:
    assert violations({"total": 1}, name=name) == [("missing_property", "/properties/order_id")]


def test_rules_compare_what_they_can_compare() -> None:
    properties = known_events()["Order Completed"].properties
    assert properties["total"].type == "number"
    assert "products" not in properties, "no rule compares a list"
    schema = Schema("Trip Booked", "booked", {"on": "datetime", "seats": "integer"})
    offered = known_events({schema.name: schema})["Trip Booked"].properties
    assert {name: field.type for name, field in offered.items()} == {
        "on": "text",
        "seats": "number",
    }


# -- what is stored -----------------------------------------------------------------------


@pytest.mark.parametrize("schema", SHIPPED.values(), ids=SHIPPED)
def test_a_schema_is_read_back_as_it_was_stored(schema: Schema) -> None:
    assert read_schema(schema.name, stored_form(schema)) == schema


@pytest.mark.parametrize(
    ("properties", "pointer"),
    [
        ([], ""),
        ("price", ""),
        ({"": {"type": "text"}}, "/"),
        ({" ": {"type": "text"}}, "/ "),
        ({"x" * 101: {"type": "text"}}, "/" + "x" * 101),
        ({"price": {"type": "money"}}, "/price"),
        ({"price": "number"}, "/price"),
        ({"a/b": {}}, "/a~1b"),
        ({"price": {"type": "number", "required": "yes"}}, "/price/required"),
        ({"price": {"type": ["number"]}}, "/price"),
    ],
)
def test_what_is_no_schema_is_refused_with_its_place(properties: Any, pointer: str) -> None:
    with pytest.raises(InvalidSchema) as refused:
        read_schema("Video Played", properties)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


def test_a_wrong_type_is_answered_with_those_there_are() -> None:
    with pytest.raises(InvalidSchema, match="text, number, integer, boolean"):
        read_schema("Video Played", {"price": {"type": "money"}})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@examples(200)
@given(value=anything)
def test_reading_anything_gives_a_schema_or_says_why_not(value: Any) -> None:
    with suppress(InvalidSchema):
        assert set(read_schema("Video Played", value).properties) == set(value)


@examples(200)
@given(
    properties=st.dictionaries(st.sampled_from(["product_id", "price", "other"]), anything),
    name=st.sampled_from(["Product Added", "Order Completed", "Unheard Of"]),
)
def test_checking_anything_never_fails(properties: dict[str, Any], name: str) -> None:
    for found in check(Call(name=name, properties=properties), schemas=SHIPPED):
        assert found.pointer.startswith("/")
        assert found.message


# -- what is in force ---------------------------------------------------------------------


@pytest.mark.django_db
def test_without_anything_stored_the_shipped_schemas_are_in_force() -> None:
    assert schemas_in_force() == SHIPPED


@pytest.mark.django_db
def test_a_stored_schema_replaces_the_shipped_one_and_adds_its_own() -> None:
    EventSchema.objects.create(name="Product Added", properties={"size": {"type": "integer"}})
    EventSchema.objects.create(name="Video Played")
    found = schemas_in_force()
    assert found["Product Added"].properties == {"size": "integer"}
    assert found["Product Added"].phrase == "added a product to the cart"
    assert found["Video Played"].phrase == "did “Video Played”"
    assert len(found) == len(SHIPPED) + 1


@pytest.mark.django_db
def test_a_schema_that_is_not_active_is_not_there() -> None:
    EventSchema.objects.create(name="Product Added", active=False)
    EventSchema.objects.create(name="Video Played", active=False)
    assert schemas_in_force() == SHIPPED


@pytest.mark.django_db
def test_changes_of_every_kind_come_into_force_at_once() -> None:
    assert "Video Played" not in schemas_in_force()
    row = EventSchema.objects.create(name="Video Played")
    EventSchema.objects.create(name="Song Played")
    assert schemas_in_force()["Video Played"].properties == {}
    row.properties = {"seconds": {"type": "number"}}
    row.save()
    assert schemas_in_force()["Video Played"].properties == {"seconds": "number"}
    row.delete()
    assert "Video Played" not in schemas_in_force()


@pytest.mark.django_db
def test_what_was_saved_earlier_and_committed_later_is_seen() -> None:
    """Two people save at once: the newest time is known before the other's row is there."""
    EventSchema.objects.create(name="Video Played")
    schemas_in_force()
    late = EventSchema.objects.create(name="Song Played")
    EventSchema.objects.filter(pk=late.pk).update(updated_at=timezone.now() - timedelta(hours=1))
    assert "Song Played" in schemas_in_force()


@pytest.mark.django_db
def test_unchanged_schemas_cost_one_query(django_assert_num_queries: Any) -> None:
    EventSchema.objects.create(name="Video Played")
    with django_assert_num_queries(2):
        first = schemas_in_force()
    with django_assert_num_queries(1):
        assert schemas_in_force() is first


@pytest.mark.django_db
def test_a_stored_schema_that_cannot_be_read_leaves_the_shipped_one(caplog: Any) -> None:
    before = metrics.snapshot().get("schemas.broken", 0)
    EventSchema.objects.create(name="Product Added", properties={"price": "number"})
    assert schemas_in_force()["Product Added"] == SHIPPED["Product Added"]
    assert metrics.snapshot()["schemas.broken"] == before + 1
    assert "Product Added" in caplog.text
