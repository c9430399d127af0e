"""Event names the package knows: the Segment e-commerce spec and the tracker's own.

Source: Segment's public “Spec: V2 Ecommerce Events”. It demands no property; those
without which an event cannot be counted at all are demanded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from personalization.rules.catalogue import EventKind, Field
from personalization.rules.reading import can_be_named
from personalization.rules.sql import JsonType

PropertyType: TypeAlias = Literal[
    "text", "number", "integer", "boolean", "datetime", "list", "object"
]
PROPERTY_TYPES: Final[tuple[PropertyType, ...]] = get_args(PropertyType)
#: What rules compare a property as; lists and objects they cannot compare.
_COMPARED: Final[Mapping[PropertyType, JsonType]] = {
    "text": "text", "number": "number", "integer": "number", "boolean": "boolean",
    "datetime": "text",
}  # fmt: skip

Properties: TypeAlias = Mapping[str, PropertyType]


@dataclass(frozen=True, slots=True)
class Schema:
    """What events of one name look like; properties that are not named are allowed.

    `phrase` is what the sentence of a rule calls it: “added a product to the cart”.
    """

    name: str
    phrase: str
    properties: Properties = field(default_factory=dict)
    required: frozenset[str] = frozenset()


def _schema(name: str, phrase: str, *properties: Properties, required: str = "") -> Schema:
    merged = {name: kind for some in properties for name, kind in some.items()}
    return Schema(name, phrase, merged, frozenset(required.split()))


def _texts(names: str) -> Properties:
    return dict.fromkeys(names.split(), "text")


_SHOWN: Properties = {
    **_texts("product_id sku category name brand variant"),
    "price": "number",
    **_texts("url image_url"),
}
_PRODUCT: Properties = {**_SHOWN, "quantity": "number", "coupon": "text", "position": "number"}
_WORTH: Properties = {"currency": "text", "value": "number"}
_PRODUCTS: Properties = {"products": "list"}
_PROMOTION = _texts("promotion_id creative name position")
_CART = _texts("cart_id")
_LIST: Properties = {**_texts("list_id category"), **_PRODUCTS}
_STEP: Properties = {
    "checkout_id": "text", "step": "number", "shipping_method": "text", "payment_method": "text",
}  # fmt: skip
_MONEY: Properties = {
    "revenue": "number", "shipping": "number", "tax": "number", "discount": "number",
    "currency": "text",
}  # fmt: skip
_ORDER: Properties = {
    **_texts("order_id affiliation coupon"), "total": "number", **_MONEY, **_PRODUCTS,
}  # fmt: skip
_COUPON = _texts("order_id cart_id coupon_id coupon_name")
_WISHLIST = _texts("wishlist_id wishlist_name")
_SHARE = _texts("share_via share_message recipient")
_PLAYBACK: Properties = {
    **_texts("session_id video_player"), "position": "number", "total_length": "number",
}  # fmt: skip

_BROWSING = (
    _schema("Products Searched", "searched for products", _texts("query"), required="query"),
    _schema("Product List Viewed", "viewed a product list", _LIST),
    _schema(
        "Product List Filtered", "filtered a product list",
        _LIST, {"filters": "list", "sorts": "list"},
    ),
)  # fmt: skip
_PROMOTIONS = (
    _schema("Promotion Viewed", "viewed a promotion", _PROMOTION),
    _schema("Promotion Clicked", "clicked on a promotion", _PROMOTION),
)
_ORDERING = (
    _schema("Product Clicked", "clicked on a product", _PRODUCT),
    _schema("Product Viewed", "viewed a product", _PRODUCT, _WORTH),
    _schema("Product Added", "added a product to the cart", _CART, _PRODUCT),
    _schema("Product Removed", "removed a product from the cart", _CART, _PRODUCT),
    _schema("Cart Viewed", "viewed the cart", _CART, _PRODUCTS, _WORTH),
    _schema("Checkout Started", "started the checkout", _ORDER, {"value": "number"}),
    _schema("Checkout Step Viewed", "viewed a step of the checkout", _STEP),
    _schema("Checkout Step Completed", "completed a step of the checkout", _STEP),
    _schema("Payment Info Entered", "entered how to pay", _STEP, _texts("order_id")),
    _schema(
        "Order Completed", "ordered",
        _ORDER, {"checkout_id": "text", "subtotal": "number"}, required="order_id",
    ),
    _schema("Order Updated", "changed an order", _ORDER, required="order_id"),
    _schema("Order Refunded", "had an order refunded", _ORDER, required="order_id"),
    _schema("Order Cancelled", "cancelled an order", _ORDER, required="order_id"),
)  # fmt: skip
_COUPONS = (
    _schema("Coupon Entered", "entered a coupon", _COUPON),
    _schema("Coupon Applied", "applied a coupon", _COUPON, {"discount": "number"}),
    _schema("Coupon Denied", "had a coupon denied", _COUPON, _texts("reason")),
    _schema("Coupon Removed", "removed a coupon", _COUPON, {"discount": "number"}),
)
_WISHLISTS = (
    _schema(
        "Product Added to Wishlist", "added a product to the wish list", _WISHLIST, _PRODUCT
    ),
    _schema(
        "Product Removed from Wishlist", "removed a product from the wish list",
        _WISHLIST, _PRODUCT,
    ),
    _schema(
        "Wishlist Product Added to Cart", "moved a product from the wish list to the cart",
        _WISHLIST, _CART, _PRODUCT,
    ),
)  # fmt: skip
_SHARING = (
    _schema("Product Shared", "shared a product", _SHARE, _SHOWN),
    _schema("Cart Shared", "shared the cart", _SHARE, _CART, _PRODUCTS),
)
_REVIEWING = (
    _schema(
        "Product Reviewed", "reviewed a product",
        _texts("product_id review_id review_body rating"),
    ),
)  # fmt: skip
_SITE = (
    _schema("Page Viewed", "viewed a page", _texts("path title url referrer name")),
    _schema("Screen Viewed", "viewed a screen", _texts("name")),
    _schema("Article Viewed", "read an article", _texts("title category slug")),
    _schema("Element Clicked", "clicked on something", _texts("name text")),
    _schema(
        "Scroll Depth Reached", "scrolled down a page", {"percent": "number", "velocity": "number"}
    ),
    _schema("Engaged", "spent time on a page", {"seconds": "number"}),
    _schema("Element Hovered", "rested the pointer on something", _texts("name")),
    _schema("Section Viewed", "viewed a part of a page", _texts("name"), {"seconds": "number"}),
    _schema("Outbound Link Clicked", "followed a link to another site", _texts("url")),
    _schema("Form Started", "began to fill in a form", _texts("form")),
    _schema("Form Submitted", "sent a form", _texts("form")),
    _schema("Form Abandoned", "gave up a form", _texts("form last_field")),
    _schema("Video Playback Started", "started a video", _PLAYBACK),
    _schema("Video Playback Paused", "paused a video", _PLAYBACK),
    _schema("Video Playback Resumed", "went on with a video", _PLAYBACK),
    _schema("Video Playback Completed", "watched a video to its end", _PLAYBACK),
)
#: What becomes of slots: written by the site, which renders them, or by the tracker.
SLOT_SHOWN: Final = "Slot Shown"
SLOT_CLICKED: Final = "Slot Clicked"
SLOT_DISMISSED: Final = "Slot Dismissed"
SLOT_EVENTS: Final = frozenset({SLOT_SHOWN, SLOT_CLICKED, SLOT_DISMISSED})
#: A list of items was shown: the keys of them, and with what probability each stood there.
RECOMMENDATION_SHOWN: Final = "Recommendation Shown"
_SLOT = _texts("slot variation decision_id")
_SLOTS = (
    _schema(
        SLOT_SHOWN, "was shown something in a slot",
        _SLOT, {"probability": "number", "assigned": "object"}, _texts("reason"),
        required="slot",
    ),
    _schema(SLOT_CLICKED, "clicked on something in a slot", _SLOT, required="slot"),
    _schema(SLOT_DISMISSED, "put away what a slot showed", _SLOT, required="slot"),
    _schema(
        RECOMMENDATION_SHOWN, "was recommended items",
        _texts("place model decision_id"),
        {"items": "list", "propensities": "list", "assigned": "object"},
        required="place items",
    ),
)  # fmt: skip


#: The schemas that are there before anybody wrote one, by the name of the event.
SHIPPED: Final[Mapping[str, Schema]] = {
    schema.name: schema
    for group in (
        _SITE, _SLOTS, _BROWSING, _PROMOTIONS, _ORDERING, _COUPONS, _WISHLISTS, _SHARING,
        _REVIEWING,
    )
    for schema in group
}  # fmt: skip


def known_events(schemas: Mapping[str, Schema] = SHIPPED) -> dict[str, EventKind]:
    """Return what rules may say of the events that have a schema, by name."""
    return {
        name: EventKind(name, schema.phrase, fields(_compared(schema.properties)))
        for name, schema in schemas.items()
    }


def _compared(properties: Properties) -> dict[str, JsonType]:
    return {
        name: _COMPARED[kind]
        for name, kind in properties.items()
        if kind in _COMPARED and can_be_named(name)
    }


def fields(types: Mapping[str, JsonType]) -> dict[str, Field]:
    return {name: Field(name, name.replace("_", " "), kind) for name, kind in types.items()}
