"""What paths are made of."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.ml.symbols import symbol_of


@pytest.mark.parametrize(
    ("properties", "symbol"),
    [
        ({"path": "/"}, "/"),
        ({"path": "/products/17/red-shoes/"}, "/products"),
        ({"path": "/products"}, "/products"),
        ({"path": "/en/products/17/"}, "/en/products"),
        ({"path": "/pt-br/produtos/"}, "/pt-br/produtos"),
        ({"path": "/en/"}, "/en"),
        ({"path": "/en"}, "/en"),
        ({"path": "/tv/lg-55/"}, "/tv"),
        ({"path": "/a/b", "category": "shoes"}, "page:shoes"),
        ({}, "Page Viewed"),
        ({"title": "Anything"}, "Page Viewed"),
        ({"path": "//x"}, ""),
        ({"path": "/en//x"}, ""),
        ({"path": "products"}, ""),
        ({"path": 5}, ""),
        ({"path": "/" + "x" * 61}, ""),
        ({"path": "/a > b/"}, ""),
        ({"category": "", "path": "/a"}, "/a"),
        ({"category": 5, "path": "/a"}, "/a"),
        ({"category": "x" * 61}, ""),
        ({"category": ""}, "Page Viewed"),
    ],
)
def test_a_page_is_of_the_type_it_states_or_its_path_begins_with(
    properties: Any, symbol: str
) -> None:
    assert symbol_of("page", "Page Viewed", properties) == symbol
    assert symbol_of("track", "Page Viewed", properties) == symbol


@pytest.mark.parametrize(
    ("kind", "name", "symbol"),
    [
        ("track", "Order Completed", "Order Completed"),
        ("screen", "Screen Viewed", "Screen Viewed"),
        ("identify", "Identified", ""),
        ("group", "Grouped", ""),
        ("track", "Engaged", ""),
        ("track", "Scroll Depth Reached", ""),
        ("track", "Slot Shown", ""),
        ("track", "x" * 61, ""),
        ("track", "/looks like a path", ""),
        ("track", "page:shoes", ""),
        ("track", "a > b", ""),
        ("track", "*", ""),
    ],
)
def test_everything_else_is_a_step_by_its_name(kind: str, name: str, symbol: str) -> None:
    assert symbol_of(kind, name, {"path": "/x"}) == symbol
