"""The recommended events of Google Analytics under the names of the Segment spec."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from personalization.ingest.reading import number_of

NAMES = {
    "view_item": "Product Viewed",
    "view_item_list": "Product List Viewed",
    "select_item": "Product Clicked",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "view_cart": "Cart Viewed",
    "add_to_wishlist": "Product Added to Wishlist",
    "begin_checkout": "Checkout Started",
    "add_shipping_info": "Checkout Step Completed",
    "add_payment_info": "Payment Info Entered",
    "purchase": "Order Completed",
    "refund": "Order Refunded",
    "view_promotion": "Promotion Viewed",
    "select_promotion": "Promotion Clicked",
    "search": "Products Searched",
    "view_search_results": "Products Searched",
    "sign_up": "Signed Up",
    "login": "Signed In",
    "scroll": "Scroll Depth Reached",
    "user_engagement": "Engaged",
}
_PARAMS = {
    "transaction_id": "order_id", "search_term": "query", "item_list_id": "list_id",
    "item_list_name": "category", "payment_type": "payment_method",
    "shipping_tier": "shipping_method", "promotion_name": "name", "creative_name": "creative",
    "creative_slot": "position", "percent_scrolled": "percent",
}  # fmt: skip
_ITEM = {
    "item_id": "product_id", "item_name": "name", "item_brand": "brand",
    "item_category": "category", "item_variant": "variant", "index": "position",
}  # fmt: skip
#: Of one product: what is said of the first item is said of the event.
_OF_A_PRODUCT = {
    "view_item", "select_item", "add_to_cart", "remove_from_cart", "add_to_wishlist",
}  # fmt: skip
#: Of money: `value` is what the items cost, without shipping and tax.
_OF_AN_ORDER = {"begin_checkout", "purchase", "refund"}


def in_our_terms(name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters of the event `name` as properties.

    What has no other name keeps its own; a property that is stated is never replaced.
    """
    if name not in NAMES:
        return params
    properties = _renamed(params, _PARAMS)
    products = _products(params.get("items"))
    if products is not None:
        properties.pop("items")
        properties["products"] = products
    if products and name in _OF_A_PRODUCT:
        properties = {**products[0], **properties}
    if name in _OF_AN_ORDER:
        properties = {**_amounts(params), **properties}
    return properties


def _products(items: Any) -> list[dict[str, Any]] | None:
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        return None
    return [_renamed(item, _ITEM) for item in items]


def _renamed(stated: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    kept = {name: value for name, value in stated.items() if name not in names}
    renamed = {names[name]: value for name, value in stated.items() if name in names}
    return {**renamed, **kept}


def _amounts(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the revenue of an order and its total, with shipping and tax."""
    value = number_of(params.get("value"))
    if value is None:
        return {}
    extra = [number_of(params.get(name)) or 0 for name in ("shipping", "tax")]
    # As decimals: 59.9 + 4.9 is 64.8.
    total = sum((Decimal(str(amount)) for amount in extra), Decimal(str(value)))
    return {"revenue": value, "total": float(total)}
