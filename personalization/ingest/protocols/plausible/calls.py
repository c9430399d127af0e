"""What the events of Plausible mean in the terms of the Segment spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalization.exceptions import EventRejected, RequestRejected
from personalization.ingest.body import parse_json
from personalization.ingest.message import Message
from personalization.ingest.nameless import visitor_of
from personalization.ingest.pages import context_of, page_of
from personalization.ingest.reading import number_of, object_of, shown, text_of

#: Each field under its names, the first that is there counts.
_NAMES = {
    "name": ("n", "name"), "url": ("u", "url"), "domain": ("d", "domain"),
    "referrer": ("r", "referrer"), "props": ("p", "props", "m", "meta"),
    "revenue": ("$", "revenue"), "interactive": ("i", "interactive"),
    "hash": ("h", "hashMode"), "scroll": ("sd", "scroll_depth"), "engaged": ("e", "engagement"),
    "width": ("w", "screen_width"),
}  # fmt: skip
PAGE, ENGAGEMENT = "pageview", "engagement"
#: What Plausible's plug-ins and guides call what the e-commerce spec has a name for.
COMMERCE = {
    "Purchase": "Order Completed",
    **{
        f"{shop} {name}": event
        for shop in ("Woo", "EDD")
        for name, event in (
            ("Add to Cart", "Product Added"),
            ("Remove from Cart", "Product Removed"),
            ("Start Checkout", "Checkout Started"),
            ("Complete Purchase", "Order Completed"),
        )
    },
}
_AMOUNTS = ("price", "quantity", "subtotal", "shipping", "tax", "total")
_NO_SCROLL = 255  # the script could not tell


def stated(body: Mapping[str, Any], field: str) -> Any:
    """Return a field under its short name or a long one."""
    return next((body[name] for name in _NAMES[field] if body.get(name) is not None), None)


def call_of(event: Any, message: Message) -> Mapping[str, Any]:
    """Return the call that an event stands for.

    :raises EventRejected: when its name or page is missing, or a part of the wrong type.
    """
    body = object_of(event)
    name, url = text_of(stated(body, "name")), text_of(stated(body, "url"))
    if name is None:
        raise EventRejected("/name is needed: a text.", code="missing_event", pointer="/name")
    if url is None:
        raise EventRejected("/url is needed: a text.", code="missing_url", pointer="/url")
    hashed = stated(body, "hash") in (1, "1", True)
    page = page_of(url, referrer=stated(body, "referrer"), hashed=hashed)
    return {
        **_what(name, body),
        "anonymousId": visitor_of(message, site=stated(body, "domain")),
        "context": context_of(
            page,
            userAgent=message.headers.get("User-Agent"),
            screen=_screen(body),
            library={"name": "plausible", "version": shown(body.get("v", ""))},
        ),
    }


def _what(name: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = _props(stated(body, "props"))
    if name == PAGE:
        return {"type": "page", "properties": properties}
    if name == ENGAGEMENT:
        return {
            "type": "track",
            "event": "Engaged",
            "properties": {**properties, **_engagement(body)},
        }
    properties |= _revenue(body)
    if stated(body, "interactive") is False:
        properties["interactive"] = False
    if name in COMMERCE:
        properties = _in_our_terms(properties)
    return {"type": "track", "event": COMMERCE.get(name, name), "properties": properties}


def _props(value: Any) -> dict[str, Any]:
    """Return the properties: an object, or the text of one."""
    if isinstance(value, str):
        try:
            value = parse_json(value.encode(errors="replace"))
        except RequestRejected:
            message = "/props is a JSON object."
            raise EventRejected(message, code="invalid_event", pointer="/props") from None
    return dict(object_of(value, "/props"))


def _revenue(body: Mapping[str, Any]) -> dict[str, Any]:
    stated_revenue = stated(body, "revenue")
    if isinstance(stated_revenue, str):
        stated_revenue = _props(stated_revenue)
    revenue = object_of(stated_revenue, "/revenue")
    found = {"revenue": number_of(revenue.get("amount")), "currency": revenue.get("currency")}
    return {name: value for name, value in found.items() if value is not None}


def _engagement(body: Mapping[str, Any]) -> Mapping[str, Any]:
    milliseconds, scroll = number_of(stated(body, "engaged")), number_of(stated(body, "scroll"))
    found = {
        "seconds": None if milliseconds is None else milliseconds / 1000,
        "scroll": None if scroll == _NO_SCROLL else scroll,
    }
    return {name: value for name, value in found.items() if value is not None}


def _in_our_terms(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of an e-commerce event: amounts as numbers, names as the spec's."""
    amounts = {name: number_of(properties.get(name)) for name in _AMOUNTS}
    # Of a purchase, the plug-ins state one amount: what was paid.
    paid = amounts["total"] if amounts["total"] is not None else properties.get("revenue")
    named = {"name": properties.get("product_name"), **amounts, "total": paid}
    return {**properties, **{name: value for name, value in named.items() if value is not None}}


def _screen(body: Mapping[str, Any]) -> Mapping[str, Any]:
    width = number_of(stated(body, "width"))
    return {} if width is None else {"width": width}
