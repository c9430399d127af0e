"""From “add list” to visitors who see their own, in a browser, under the page cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from cms.toolbar.utils import get_object_edit_url
from django.test import override_settings

from personalization.contrib.cms.cms_plugins import LIST
from personalization.ml.serving import shelf
from tests.calm import CALM
from tests.contrib.cms.board import Board
from tests.contrib.cms.building import add_list, make_page, place_on
from tests.contrib.items import (
    OWN,
    POPULAR,
    draw_items,
    headings,
    make_shop,
    make_shopper,
    opened,
    titles,
)
from tests.contrib.looking import look, photograph
from tests.in_flight import settle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _calm() -> Iterator[None]:
    with override_settings(PERSONALIZATION_RECOMMENDATIONS=CALM):
        yield


def fill(form: FrameLocator) -> None:
    form.locator("#id_place").fill("home")
    form.locator("#id_limit").fill("2")
    form.locator("#id_heading").fill("Picked for you")


def test_from_add_list_to_two_visitors_who_see_two_lists(
    live_server: Any, browser: Browser, board: Board
) -> None:
    make_shop()
    draw_items()
    content = make_page().get_content_obj("en")
    board.open(live_server.url + get_object_edit_url(content, language="en"))
    board.add(board.placeholder, LIST, fill)
    board.page.locator("main .pz-cms-label").wait_for()
    html = board.page.locator("main").inner_html()
    assert (headings(html), titles(html)) == (["Picked for you"], POPULAR)
    assert [label.partition(":")[0] for label in board.labels()] == ["Recommended at “home”"]
    photograph(board.page, "cms-list-board")

    url = live_server.url + content.page.get_absolute_url("en")
    board.page.goto(url)
    photograph(board.page, "cms-list-editor")
    shopper = make_shopper()
    seen = [look(browser, url, who) for who in (shopper, None, shopper, None)]
    assert [titles(html) for html in seen] == [OWN, POPULAR] * 2


def test_a_page_that_was_kept_empty_has_the_own_list_and_its_heading_once_there_is_one(
    live_server: Any, browser: Browser
) -> None:
    page = make_page(template="scratch/filled.html")
    add_list(place_on(page), heading="Picked for you", mode="deferred")
    url = live_server.url + page.get_absolute_url("en")
    assert titles(look(browser, url, None)) == []  # and so it is kept
    make_shop()
    draw_items()
    shelf.forget()
    with opened(browser, url, None) as stranger:
        settle(stranger)
        assert not stranger.get_by_role("heading", name="Picked for you").is_visible()
    with opened(browser, url, make_shopper()) as tab:
        tab.locator(".pz-recommendations").wait_for()
        settle(tab)
        assert titles(tab.content()) == OWN
        assert tab.get_by_role("heading", name="Picked for you").is_visible()
        photograph(tab, "cms-list-filled")
        tab.wait_for_function("() => window.personalization?.q?.length === 1")
        [[_, name, said, _]] = tab.evaluate("personalization.q")
        assert (name, said["place"], said["items"]) == ("Recommendation Shown", "home", OWN)
