from __future__ import annotations

from typing import Any

import pytest

from personalization.ingest.pages import campaign_of, context_of, page_of


def test_an_address_is_taken_apart() -> None:
    url = "https://shop.example:8443/shoes/17?size=42&utm_source=x#top"
    assert page_of(url, title="Boot", referrer="https://search.example/") == {
        "url": url,
        "path": "/shoes/17",
        "search": "?size=42&utm_source=x",
        "title": "Boot",
        "referrer": "https://search.example/",
    }


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://shop.example", {"url": "https://shop.example", "path": "/"}),
        ("/cart?a=1", {"url": "/cart?a=1", "path": "/cart", "search": "?a=1"}),
        ("http://[", {"url": "http://["}),
        (None, {}),
        ("", {}),
        (17, {}),
    ],
)
def test_whatever_an_address_is(url: Any, page: dict[str, str]) -> None:
    assert page_of(url, title=None, referrer=[]) == page


def test_sites_that_route_by_the_fragment_have_it_in_the_path() -> None:
    assert page_of("https://s.example/#/cart", hashed=True)["path"] == "/#/cart"
    assert page_of("https://s.example/#/cart")["path"] == "/"
    assert page_of("https://s.example/a", hashed=True)["path"] == "/a"


@pytest.mark.parametrize(
    ("url", "campaign"),
    [
        (
            "/?utm_source=s&utm_medium=m&utm_campaign=c&utm_term=t&utm_content=o&x=y",
            {"source": "s", "medium": "m", "name": "c", "term": "t", "content": "o"},
        ),
        ("/?utm_source=Gr%C3%B6%C3%9Fe", {"source": "Größe"}),
        ("/", {}),
        (None, {}),
        ("http://[", {}),
        ("/?utm_source=s&" + "a=1&" * 200, {}),
    ],
)
def test_an_address_names_its_campaign(url: Any, campaign: dict[str, str]) -> None:
    assert campaign_of(url) == campaign


def test_a_context_holds_what_is_known() -> None:
    page = page_of("/a?utm_source=s")
    assert context_of(page, locale=None, screen={}, agent="", n=0) == {
        "page": page,
        "campaign": {"source": "s"},
        "n": 0,
    }
    assert context_of({}) == {}
