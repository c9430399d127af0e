"""What names segments besides templates is found by them."""

from __future__ import annotations

import pytest

from personalization.delivery import pages
from personalization.registry import Registry


@pytest.fixture(autouse=True)
def _sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "pages", Registry("source of pages"))
    pages.pages.register("one")(lambda: [("Home", ["a", "b"]), ("About", ["b"]), ("Home", ["a"])])
    pages.pages.register("another")(lambda: [("News", {"c"})])


def test_pages_are_found_by_the_segment_they_name() -> None:
    assert pages.pages_naming("a") == ["Home"]
    assert pages.pages_naming("b") == ["About", "Home"]
    assert pages.pages_naming("d") == []


def test_all_segments_of_all_sources_are_named() -> None:
    assert pages.segments_on_pages() == {"a", "b", "c"}
