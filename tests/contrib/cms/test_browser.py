"""From “add block” to two visitors who see two things, in a browser, under the page cache."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cms.toolbar.utils import get_object_edit_url
from django.contrib.auth.models import User
from django.test import override_settings

from personalization.contrib.cms.cms_plugins import BLOCK, VARIANT
from tests import machine
from tests.browser.conftest import FLAGS
from tests.contrib.cms.building import make_page, words_in
from tests.delivery.people import Person, make_person, make_segments

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread, which makes Django expect async code.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=FLAGS)
        yield browser
        browser.close()


def photograph(page: Page, name: str) -> None:
    folder = os.environ.get("PERSONALIZATION_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


class Board:
    """The structure board of a page, as an editor uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str) -> Board:
        self.page.goto(url)
        self.page.click(".cms-toolbar-item-cms-mode-switcher a")
        self.placeholder.locator(".cms-submenu-add").first.wait_for()
        return self

    @property
    def placeholder(self) -> Locator:
        return self.page.locator(".cms-structure .cms-dragarea").filter(
            has=self.page.locator(".cms-dragbar-title[title=Content]")
        )

    def plugin(self, name: str) -> Locator:
        """Return the newest plugin called so, with all inside of it."""
        item = self.page.locator(f"xpath=./*[contains(@class, 'cms-dragitem')]//*[text()='{name}']")
        return self.placeholder.locator(".cms-draggable").filter(has=item).last

    def add(self, inside: Locator, kind: str, fill: Callable[[FrameLocator], None]) -> None:
        """Press +, choose a kind of plugin, fill in its form, save, and see it on the board."""
        before = self.placeholder.locator(".cms-draggable").count()
        inside.locator(".cms-submenu-add").first.click()
        self.page.locator(f".cms-modal .cms-plugin-picker a[href={kind}]").click()
        form = self.page.frame_locator(".cms-modal-frame iframe")
        fill(form)
        photograph(self.page, f"cms-add-{kind}")
        self.page.locator(".cms-modal-buttons .cms-btn-action").first.click()
        self.placeholder.locator(".cms-draggable").nth(before).wait_for(state="attached")
        self.page.locator(".cms-modal").last.wait_for(state="hidden")
        self.page.wait_for_load_state("networkidle")

    def offers(self, inside: Locator) -> list[str]:
        inside.locator(".cms-submenu-add").first.click()
        names = self.page.locator(".cms-modal .cms-plugin-picker a[data-rel=add]")
        names.first.wait_for()
        found = names.all_inner_texts()
        self.page.locator(".cms-modal-close").first.click()
        self.page.locator(".cms-modal").last.wait_for(state="hidden")
        return found

    def labels(self) -> list[str]:
        """Return what the page beside the board says for whom its parts are."""
        return self.page.locator(".pz-cms-label").all_inner_texts()


def choose(label: str) -> Callable[[FrameLocator], None]:
    return lambda form: form.get_by_label(label, exact=True).check()


def write(words: str) -> Callable[[FrameLocator], None]:
    return lambda form: form.locator("#id_body").fill(words)


def leave(form: FrameLocator) -> None:
    form.locator("#id_mode").wait_for()


@pytest.fixture
def board(browser: Browser, live_server: Any) -> Iterator[Board]:
    """The board of somebody who has logged in as an editor."""
    User.objects.create_superuser("editor", password="secret")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{live_server.url}/admin/login/")
    page.fill("#id_username", "editor")
    page.fill("#id_password", "secret")
    page.click("[type=submit]")
    page.wait_for_selector("#user-tools")
    yield Board(page)
    context.close()


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


def look(browser: Browser, url: str, person: Person | None) -> str:
    """Return what a visitor is shown, in a browser of their own."""
    context = browser.new_context(viewport={"width": 800, "height": 300})
    cookies = person.cookies if person else {}
    context.add_cookies([{"name": name, "value": cookies[name], "url": url} for name in cookies])
    page = context.new_page()
    page.goto(url)
    photograph(page, f"cms-{'known' if person else 'unknown'}")
    html = page.content()
    context.close()
    return html


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
