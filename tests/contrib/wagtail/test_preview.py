"""Editors look at a page as the members of a segment do, and count for nobody."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.testing import drain, exposures, exposures_at_once
from tests.contrib.wagtail.building import block, make_page, publish, seen, words_in
from tests.contrib.wagtail.site.models import Banner, LandingPage, ScratchPage
from tests.delivery.people import make_person, make_segments

pytestmark = pytest.mark.django_db


@pytest.fixture
def page() -> ScratchPage:
    make_segments("a", "b", "c")
    return make_page(block({"b": "for b", "a": "for a"}))


def previewed(page: Any, mode: str) -> list[str]:
    response = page.make_preview_request(preview_mode=mode)
    assert response.status_code == 200
    assert "private" in response["Cache-Control"]
    return words_in(response.content.decode())


def test_the_segments_of_the_page_are_offered_first(page: ScratchPage) -> None:
    assert [name for name, _ in page.preview_modes] == ["", "segment:a", "segment:b", "segment:c"]


def test_a_preview_shows_what_members_of_the_segment_see(page: ScratchPage) -> None:
    assert previewed(page, "") == ["everybody"]
    assert previewed(page, "segment:a") == ["for a"]
    assert previewed(page, "segment:b") == ["for b"]
    assert previewed(page, "segment:c") == ["everybody"]


@pytest.mark.parametrize("mode", ["segment:gone", "segment:"])
def test_a_segment_that_is_not_there_is_that_of_nobody(page: ScratchPage, mode: str) -> None:
    assert previewed(page, mode) == ["everybody"]


def test_a_preview_is_no_exposure(page: ScratchPage) -> None:
    with exposures_at_once():
        assert previewed(page, "segment:a") == ["for a"]
        drain()
        assert exposures() == []
        assert seen(page, make_person("a")) == ["for a"]
        drain()
        assert [shown["slot"] for shown in exposures()] == ["hero"]


def test_a_snippet_is_previewed_as_a_segment_too(page: ScratchPage) -> None:
    banner = Banner.objects.create(name="Banner", body=[block({"a": "for a"})])
    assert [name for name, _ in banner.preview_modes][:2] == ["", "segment:a"]
    assert previewed(banner, "") == ["everybody"]
    assert previewed(banner, "segment:a") == ["for a"]


def test_a_page_that_is_another_as_a_whole_is_previewed_as_that(page: ScratchPage) -> None:
    landing = publish(LandingPage(title="Landing", slug="landing"))
    assert previewed(landing, "") == ["everybody"]
    assert previewed(landing, "segment:b") == ["for b"]
    assert previewed(landing, "segment:c") == ["everybody"]


def test_an_unfinished_block_can_be_looked_at(page: ScratchPage) -> None:
    """Drafts are stored and previewed before they are complete."""
    part = block({"a": "for a"}, slot="")
    part["value"]["variants"][0]["value"]["segments"] = None
    assert previewed(make_page(part, slug="draft"), "segment:a") == ["everybody"]
