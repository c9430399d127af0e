"""What features look at of an event: device, source, products, and what is counted."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.ml.features.deeds import deed_of, device_of, source_of
from personalization.rules.occurrence import Occurrence

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 Safari/604.1"
ANDROID_TABLET = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


@pytest.mark.parametrize(
    ("context", "device"),
    [
        ({"userAgent": IPHONE}, "mobile"),
        ({"userAgent": ANDROID_TABLET}, "tablet"),
        ({"userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}, "desktop"),
        ({"userAgentData": {"mobile": True}, "userAgent": "Mozilla/5.0 (Android)Mobi"}, "mobile"),
        ({"userAgentData": {"mobile": True}}, "mobile"),
        ({"device": {"type": "Tablet"}, "userAgent": IPHONE}, "tablet"),
        ({"device": {"type": "toaster"}}, ""),
        ({"device": "phone", "userAgent": 5}, ""),
        ({}, ""),
    ],
)
def test_the_class_of_device_is_read(context: Any, device: str) -> None:
    assert device_of(context) == device


@pytest.mark.parametrize(
    ("context", "source"),
    [
        ({"page": {"url": "https://here.example/"}}, "direct"),
        (
            {"page": {"url": "https://here.example/b", "referrer": "https://here.example/a"}},
            "direct",
        ),
        ({"page": {"referrer": "https://www.google.co.uk/search"}}, "search"),
        ({"page": {"referrer": "https://duckduckgo.com/"}}, "search"),
        ({"page": {"referrer": "https://l.facebook.com/"}}, "social"),
        ({"page": {"referrer": "https://t.co/x"}}, "social"),
        ({"page": {"referrer": "https://not-facebook.com/"}}, "referral"),
        ({"page": {"referrer": "https://blog.example/"}}, "referral"),
        ({"page": {"referrer": "http://[broken"}}, "direct"),
        ({"campaign": {"medium": "Email"}, "page": {"referrer": "https://t.co/x"}}, "email"),
        ({"campaign": {"medium": "cpc", "source": "google"}}, "paid"),
        ({"campaign": {"name": "spring"}}, "campaign"),
        ({"campaign": "spring"}, ""),
        ({}, ""),
    ],
)
def test_what_led_to_a_page_is_read(context: Any, source: str) -> None:
    assert source_of(context) == source


@pytest.mark.parametrize(
    ("properties", "product"),
    [
        ({"product_id": "p1", "sku": "s"}, "p1"),
        ({"product_id": 17}, "17"),
        ({"product_id": "", "sku": "s"}, "s"),
        ({"product_id": ["p"]}, ""),
        ({}, ""),
    ],
)
def test_a_product_is_known_by_its_id(properties: Any, product: str) -> None:
    assert deed_of(Occurrence("track", "Product Viewed", properties, 0, "m"), {}).product == product


@pytest.mark.parametrize(
    ("percent", "read"), [(75, 75), (74.6, 75), (True, 0), ("75", 0), (101, 0), (-1, 0), (None, 0)]
)
def test_a_scroll_is_read_if_it_is_a_percentage(percent: Any, read: int) -> None:
    event = Occurrence("track", "Scroll Depth Reached", {"percent": percent}, 0, "m")
    assert deed_of(event, {}).percent == read


def test_what_profiles_count_is_counted() -> None:
    event = Occurrence("track", "Order Completed", {"total": 1.5}, 0, "m")
    assert deed_of(event, {}).counted == (
        ("events.count", 1), ("orders.count", 1), ("orders.revenue", 1_500_000),
    )  # fmt: skip
