"""What the clients are asked to send: one of every call of the Segment spec, and many of one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

CONTEXT = {"locale": "de-AT", "ip": "203.0.113.7", "app": {"build": 7}}
ORDER = {
    "total": 9.5,
    "currency": "EUR",
    "coupon": None,
    "gift": False,
    "products": [{"product_id": "17", "name": "Übergröße", "quantity": 2}],
}
CALLS: tuple[dict[str, Any], ...] = (
    {"type": "identify", "userId": "u1", "traits": {"plan": "pro", "age": 41}},
    {"type": "track", "userId": "u1", "event": "Order Completed", "properties": ORDER},
    {"type": "page", "userId": "u1", "category": "docs", "name": "Start", "properties": {"path": "/"}},
    {"type": "screen", "userId": "u1", "category": "app", "name": "Home", "properties": {"tab": 1}},
    {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"size": 12}},
    {"type": "alias", "userId": "u1", "previousId": "a1"},
    {"type": "track", "anonymousId": "a2", "event": "Seen"},
)  # fmt: skip


def every_call(at: datetime) -> list[dict[str, Any]]:
    """Return one of every call, all at the same time and in the same context."""
    return [{**call, "context": CONTEXT, "timestamp": at.isoformat()} for call in CALLS]


def tracks(number: int, *, text: str = "") -> list[dict[str, Any]]:
    """Return track calls whose property `n` counts them."""
    return [
        {
            "type": "track",
            "userId": f"u{n % 7}",
            "event": "Product Viewed",
            "properties": {"n": n, "text": text},
        }
        for n in range(number)
    ]
