"""Event names the package knows: the Segment e-commerce spec and the tracker's own."""

from __future__ import annotations

from collections.abc import Mapping

from personalization.rules.catalogue import EventKind, Field
from personalization.rules.sql import JsonType

_PRODUCT: Mapping[str, JsonType] = {
    "product_id": "text", "sku": "text", "name": "text", "category": "text",
    "brand": "text", "variant": "text", "price": "number", "quantity": "number",
}  # fmt: skip
_ORDER: Mapping[str, JsonType] = {
    "order_id": "text", "total": "number", "revenue": "number", "currency": "text",
    "coupon": "text", "discount": "number",
}  # fmt: skip
_PAGE: Mapping[str, JsonType] = {
    "path": "text", "title": "text", "url": "text", "referrer": "text", "name": "text",
}  # fmt: skip

_KNOWN: Mapping[str, tuple[str, Mapping[str, JsonType]]] = {
    "Page Viewed": ("viewed a page", _PAGE),
    "Product Viewed": ("viewed a product", _PRODUCT),
    "Product List Viewed": ("viewed a product list", {"category": "text", "list_id": "text"}),
    "Products Searched": ("searched for products", {"query": "text"}),
    "Product Added": ("added a product to the cart", _PRODUCT),
    "Product Removed": ("removed a product from the cart", _PRODUCT),
    "Cart Viewed": ("viewed the cart", {"cart_id": "text"}),
    "Checkout Started": ("started the checkout", _ORDER),
    "Order Completed": ("ordered", _ORDER),
    "Order Refunded": ("had an order refunded", _ORDER),
    "Product Added to Wishlist": ("added a product to the wish list", _PRODUCT),
    "Coupon Applied": ("applied a coupon", {"coupon_id": "text", "discount": "number"}),
    "Article Viewed": ("read an article", {"title": "text", "category": "text", "slug": "text"}),
    "Element Clicked": ("clicked on something", {"name": "text", "text": "text"}),
    "Scroll Depth Reached": ("scrolled down a page", {"percent": "number"}),
    "Engaged": ("was active on a page", {"seconds": "number"}),
}


def known_events() -> dict[str, EventKind]:
    """Return the events the package ships, by name."""
    return {
        name: EventKind(name, phrase, fields(types)) for name, (phrase, types) in _KNOWN.items()
    }


def fields(types: Mapping[str, JsonType]) -> dict[str, Field]:
    return {name: Field(name, name.replace("_", " "), kind) for name, kind in types.items()}
