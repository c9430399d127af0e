"""What is said of an item is bounded, and leads nobody astray."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from django.core.validators import URLValidator
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.item_words import (
    MAX_ADDRESS,
    MAX_TAG,
    MAX_TAGS,
    MAX_TEXT,
    MAX_TITLE,
    address_of,
    kind_of,
    line_of,
    path_of,
    price_of,
    tags_of,
    text_of,
    words_of,
)
from tests.effort import examples

anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
json_values = anything | st.lists(anything, max_size=5) | st.dictionaries(st.text(), anything)


def test_a_product_is_described_in_the_words_of_the_spec() -> None:
    words = words_of(
        {
            "name": "Wool sock", "category": "Socks", "url": "https://shop.example/sock/",
            "image_url": "https://cdn.example/sock.jpg", "price": 12.5, "tags": ["wool", "warm"],
            "brand": "Knit",
        }
    )  # fmt: skip
    assert words.title == "Wool sock"
    assert words.category == "Socks"
    assert words.url == "https://shop.example/sock/"
    assert words.image == "https://cdn.example/sock.jpg"
    assert words.price == Decimal("12.50")
    assert words.tags == ("wool", "warm")
    assert words.attributes == {"brand": "Knit"}


def test_an_article_has_a_title_and_the_page_that_it_is_on() -> None:
    words = words_of({"title": "On waves"}, page="/journal/waves/")
    assert (words.title, words.url) == ("On waves", "/journal/waves/")


def test_what_a_browser_says_leads_nowhere_but_to_this_site() -> None:
    said = {"url": "https://evil.example/a?b#c", "image_url": "https://evil.example/pixel.gif"}
    words = words_of(said, trusted=False)
    assert (words.url, words.image) == ("/a", "/pixel.gif")


def test_only_what_is_said_is_told() -> None:
    assert words_of({"name": "Sock"}).said() == {"title": "Sock"}
    assert words_of({}).said() == {}
    assert words_of({"price": 0}).said() == {"price": Decimal("0.00")}


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "data:text/html,x", "//evil.example", "/\\evil.example", "sock/",
        "https:///sock", "ftp://shop.example/", "http://[::1", "/a b", '/"onload=', "/<b>", "",
        "/a\x00", "mailto:a@b.c", "/" + "x" * MAX_ADDRESS, None, 7, ["/sock/"],
    ],
)  # fmt: skip
def test_what_is_no_page_is_no_address(address: Any) -> None:
    assert address_of(address) == ""
    assert path_of(address) == ""


@pytest.mark.parametrize("address", ["/", "/sock/?size=3", "https://shop.example", "http://a/b"])
def test_pages_are_addresses(address: str) -> None:
    assert address_of(address) == address


def test_a_path_that_would_name_another_host_is_none() -> None:
    assert path_of("https://shop.example//evil.example/") == ""


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("Product Viewed", "product"), ("Article Viewed", "article"), ("Page Viewed", "page"),
        ("Order Completed", "product"), ("Wishlist Product Added to Cart", "product"),
        ("Engaged", ""), ("Recipe Cooked", "recipe"), ("x" * 200, "x" * 50),
    ],
)  # fmt: skip
def test_the_kind_of_an_item_is_what_its_events_are_about(event: str, kind: str) -> None:
    assert kind_of(event) == kind


@pytest.mark.parametrize(
    ("value", "price"),
    [
        (4, "4.00"), ("4.005", "4.01"), (Decimal("4.005"), "4.01"), (0.1 + 0.2, "0.30"),
        (-1, None), ("free", None), (1e300, None), (math.nan, None), (True, None), (None, None),
        (Decimal("NaN"), None), (Decimal("Infinity"), None),
    ],
)  # fmt: skip
def test_a_price_is_in_whole_cents(value: Any, price: str | None) -> None:
    assert price_of(value) == (None if price is None else Decimal(price))


def test_tags_come_as_a_list_or_with_commas() -> None:
    assert tags_of(["wool", " warm ", "wool", 7, None, {}]) == ("wool", "warm", "7")
    assert tags_of("wool, warm,,wool") == ("wool", "warm")
    assert len(tags_of([str(n) for n in range(1000)])) == MAX_TAGS
    assert tags_of({"wool": 1}) == tags_of(b"wool") == tags_of(None) == ()


def test_a_text_is_without_markup() -> None:
    assert text_of("<p>On <b>waves</b>\n\nand wind</p>") == "On waves and wind"
    assert text_of(None) == ""


def test_a_line_is_one_line_of_what_can_be_read() -> None:
    assert line_of(" a\tb\nc\x00d ", 100) == "a b c d"
    assert line_of(17, 100) == "17"
    assert line_of("word " * 100, 7) == "word wo"


@examples(200)
@given(
    said=st.dictionaries(
        st.sampled_from(["name", "title", "url", "image", "price", "tags", "category", "brand"]),
        json_values,
    ),
    page=json_values,
    trusted=st.booleans(),
)
def test_whatever_is_said_can_be_stored_and_shown(said: Any, page: Any, trusted: bool) -> None:
    words = words_of(said, page=page, trusted=trusted)
    assert len(words.title) <= MAX_TITLE
    assert all(0 < len(tag) <= MAX_TAG for tag in words.tags)
    for text in (words.title, words.category, *words.tags, *words.attributes.values()):
        assert "\n" not in text
        text.encode()
    for address in (words.url, words.image):
        assert not address or address.startswith(("/", "http://", "https://"))
        assert trusted or not address.startswith("http")
    if words.price is not None:
        assert 0 <= words.price < 10**12
        assert words.price == words.price.quantize(Decimal("0.01"))


@examples(50)
@given(st.text(max_size=3 * MAX_TITLE))
def test_no_text_is_longer_than_it_may_be(text: str) -> None:
    assert len(line_of(text, MAX_TITLE)) <= MAX_TITLE
    assert len(text_of(text)) <= MAX_TEXT
    if path := path_of(f"https://shop.example/{text}"):
        URLValidator()("https://shop.example" + path.encode("ascii", "ignore").decode())
