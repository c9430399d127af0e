"""From “add block” to two visitors who see two things, in a browser, under the page cache."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from cms.toolbar.utils import get_object_edit_url
from django.test import override_settings

from personalization.contrib.cms.cms_plugins import BLOCK, VARIANT
from tests.contrib.cms.board import Board
from tests.contrib.cms.building import make_page, words_in
from tests.contrib.looking import look, photograph
from tests.delivery.people import make_person, make_segments

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def choose(label: str) -> Callable[[FrameLocator], None]:
    return lambda form: form.get_by_label(label, exact=True).check()


def write(words: str) -> Callable[[FrameLocator], None]:
    return lambda form: form.locator("#id_body").fill(words)


def leave(form: FrameLocator) -> None:
    form.locator("#id_mode").wait_for()


@override_settings(PERSONALIZATION_DELIVERY="keyed")
def test_from_add_block_to_two_visitors_who_see_two_things(
    live_server: Any, browser: Browser, board: Board
) -> None:
    make_segments("loyal", "new")
    content = make_page().get_content_obj("en")
    board.open(live_server.url + get_object_edit_url(content, language="en"))
    board.add(board.placeholder, BLOCK, leave)
    block = board.plugin("Personalized block")
    board.add(block, VARIANT, choose("loyal"))
    board.add(board.plugin("Variant for segments"), "WordsPlugin", write("Welcome back"))
    board.add(board.plugin("Everyone else"), "WordsPlugin", write("Hello"))
    assert board.offers(block) == ["Everyone else", "Variant for segments"]
    assert board.labels() == ["Everyone else", "For visitors in: loyal"]
    photograph(board.page, "cms-board")

    url = live_server.url + content.page.get_absolute_url("en")
    loyal, unknown = make_person("loyal"), None
    seen = [look(browser, url, who) for who in (loyal, unknown, loyal, unknown)]
    assert [words_in(html) for html in seen] == [["Welcome back"], ["Hello"]] * 2
    assert [numbers_in(html) for html in seen[2:]] == [numbers_in(html) for html in seen[:2]]
    look_as_staff(board.page, url)


def look_as_staff(page: Page, url: str) -> None:
    """Choose somebody in the toolbar, and go back to oneself."""
    page.goto(url)
    assert words_in(page.content()) == ["Hello"]
    for name, words in [("loyal", "Welcome back"), ("new", "Hello"), ("End preview", "Hello")]:
        menu = page.locator(".cms-toolbar-item-navigation > li").filter(has_text="View as")
        menu.locator("> a").click()
        photograph(page, f"cms-menu-{name}")
        with page.expect_navigation():
            menu.get_by_text(name, exact=True).click()
        page.wait_for_load_state()
        photograph(page, f"cms-as-{name}")
        assert words_in(page.locator("main").inner_html()) == [words]


def numbers_in(html: str) -> list[str]:
    """Return the numbers of what was rendered: a page out of a cache has those it had."""
    return re.findall(r"<!-- (\d+) -->", html)
