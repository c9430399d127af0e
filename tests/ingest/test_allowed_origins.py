"""The list of origins of a source, line by line."""

from __future__ import annotations

import pytest

from personalization.ingest.allowed_origins import (
    allowed_origins,
    matches,
    read_lines,
    read_origin,
)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://shop.example:443", "http://shop.example:443"),
        ("https://shop.example:08443", "https://shop.example:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("https://*.shop.example", "https://*.shop.example"),
        ("https://*.shop.example:8443", "https://*.shop.example:8443"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("null", "null"),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(text: str, origin: str) -> None:
    assert read_origin(text) == origin


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shop.example", "https:// is missing"),
        ("*", "https:// is missing"),
        ("//shop.example", "https:// is missing"),
        ("https://shop.example/", "write https://shop.example"),
        ("https://shop.example:8443/page?x=1", "write https://shop.example:8443"),
        ("https://shop.example, https://other.example", "write https://shop.example"),
        ("https://shop.example;https://other.example", "write https://shop.example"),
        ("https://shop.example:port", "write https://shop.example"),
        ("https://shop.example:123456", "write https://shop.example"),
        ("https://user@shop.example", "a host"),
        ("https://", "a scheme, a host"),
        ("https://*", "https://*.shop.example"),
        ("https://*.com", "https://*.shop.example"),
        ("https://*.0.0.1", "https://*.shop.example"),
        ("https://shop.*", "https://*.shop.example"),
        ("https://a*.shop.example", "https://*.shop.example"),
        ("https://*.*.shop.example", "https://*.shop.example"),
        ("https://shop..example", "no name of a host"),
        ("https://.shop.example", "no name of a host"),
        ("https://shop$example", "no name of a host"),
        ("https://mün..chen.example", "no name of a host"),
        ("https://shop.example\nhttps://evil.example", "write https://shop.example"),
        ("Null", "https:// is missing"),
    ],
)
def test_what_is_no_origin_is_said_to_be_so(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_origin(text)
    assert said in str(caught.value)


LIST = """
https://shop.example
  http://localhost:3000
https://*.brand.example
https://*.ports.example:8443

nonsense
"""


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://shop.example", True),
        ("http://localhost:3000", True),
        # Scheme and port are part of it.
        ("http://shop.example", False),
        ("https://shop.example:8443", False),
        ("http://localhost", False),
        ("http://localhost:3001", False),
        # Neither what begins nor what ends like it.
        ("https://shop.example.evil.example", False),
        ("https://evilshop.example", False),
        ("https://www.shop.example", False),
        ("https://shop.exampl", False),
        # A star is for the hosts below, at any depth.
        ("https://a.brand.example", True),
        ("https://a.b.brand.example", True),
        ("https://brand.example", False),
        ("https://evilbrand.example", False),
        ("http://a.brand.example", False),
        ("https://a.brand.example:8443", False),
        ("https://a.ports.example:8443", True),
        ("https://a.ports.example", False),
        # What no browser sends.
        ("https://*.brand.example", False),
        ("https://.brand.example", False),
        ("https://a..brand.example", False),
        ("https://evil.example/.brand.example", False),
        ("https://evil.example#.brand.example", False),
        ("https://evil.example:.brand.example", False),
        ("https://evil@a.brand.example", False),
        ("https://a.brand.example ", False),
        ("https://ä.brand.example", False),
        ("nonsense", False),
        ("null", False),
        ("", False),
        ("x" * 100_000, False),
        ("https://" + "a." * 20_000 + "brand.example", True),
    ],
)
def test_an_origin_is_on_the_list_or_not(origin: str, allowed: bool) -> None:
    assert matches(origin, allowed_origins(LIST)) is allowed


def test_a_page_without_an_origin_is_allowed_only_by_name() -> None:
    assert matches("null", allowed_origins("https://shop.example\nnull"))
    assert not matches("null", frozenset())


def test_each_line_that_is_none_is_named_by_its_number() -> None:
    lines = list(read_lines("https://shop.example\n\nshop.example\r\nhttps://x.example/"))
    assert [(number, origin) for number, origin, _ in lines] == [
        (1, "https://shop.example"), (3, ""), (4, ""),
    ]  # fmt: skip
    assert all(bool(origin) != bool(problem) for _, origin, problem in lines)
