"""From a new page to two visitors who see two things, in a browser, under the page cache."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.test import override_settings
from django.urls import reverse

from personalization.segments.models import Segment
from tests import machine
from tests.browser.conftest import FLAGS
from tests.contrib.wagtail.building import block, home, make_page, publish, serials_in, words_in
from tests.contrib.wagtail.site.models import ScratchPage
from tests.delivery.people import Person, make_person, make_segments

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

#: Where the first variant of the first block of a page is.
VARIANT = "body-0-value-variants-0-value"


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
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


class Editor:
    """The form of a page, as an editor uses it. A path is as in body-0-value-slot."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.page.locator("[name=body-count] + [data-streamfield-stream-container]").wait_for()

    def add(self, path: str, kind: str) -> None:
        """Press the first + of a stream, and choose a kind of block."""
        beside = f"[name={path}-count] + [data-streamfield-stream-container]"
        self.page.locator(beside).locator(".c-sf-add-button").first.click()
        self.page.get_by_role("option", name=kind, exact=True).click()
        self.page.locator(f"[name={path}-0-type]").wait_for(state="attached")

    def write(self, path: str, words: str) -> None:
        """Have a stream hold these words and nothing else."""
        self.add(path, "Words")
        self.page.locator(f"[name={path}-0-value]").fill(words)

    def boxes(self, path: str) -> dict[str, bool]:
        """Return the segments that are offered, by what they are called, with what is chosen."""
        boxes = self.page.locator(f"input[name={path}]").all()
        return {box.locator("..").inner_text().strip(): box.is_checked() for box in boxes}

    def choose(self, path: str, segment: str) -> None:
        self.page.locator(f"input[name={path}][value={segment}]").check()

    def send(self, button: str) -> None:
        if button != "Save draft":
            self.page.locator("footer [data-w-dropdown-target=toggle]").click()
        with self.page.expect_navigation():
            self.page.locator("footer").get_by_role("button", name=button).click()

    def closed(self) -> str:
        """Return what says which block it is, once it is closed."""
        self.page.locator("[data-streamfield-child] [data-panel-toggle]").first.click()
        title = self.page.locator("[data-streamfield-child] [data-panel-heading-text]").first
        title.filter(has_text=re.compile(r"\w")).wait_for()
        photograph(self.page, "wagtail-closed")
        return title.inner_text()

    def preview(self, mode: str, words: str) -> None:
        """Choose a mode of the preview beside the form, and wait for what it is to show."""
        toggle = self.page.get_by_role("button", name="Toggle preview")
        if toggle.get_attribute("aria-expanded") != "true":
            toggle.click()
        self.page.locator("#id_preview_mode").select_option(mode)
        shown = self.page.frame_locator("#w-preview-iframe").locator("body")
        shown.filter(has_text=f"«{words}»").wait_for()
        photograph(self.page, f"wagtail-preview-{mode.partition(':')[2] or 'default'}")


@pytest.fixture
def site(live_server: Any) -> Iterator[str]:
    """The address of a server whose pages Django's cache keeps, by keys."""
    caches["default"].clear()
    with override_settings(
        ROOT_URLCONF="tests.contrib.wagtail.site.cached_urls", PERSONALIZATION_DELIVERY="keyed"
    ):
        yield live_server.url
    caches["default"].clear()


@pytest.fixture
def editor(browser: Browser, site: str) -> Iterator[Editor]:
    """The browser of somebody who has logged in as an editor."""
    home()
    User.objects.create_superuser("editor", password="secret")
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(site + reverse("wagtailadmin_login"))
    page.fill("#id_username", "editor")
    page.fill("#id_password", "secret")
    page.click("[type=submit]")
    page.wait_for_selector("#wagtail-sidebar", state="attached")
    yield Editor(page)
    context.close()


def test_from_a_new_page_to_two_visitors_who_see_two_things(
    site: str, browser: Browser, editor: Editor
) -> None:
    make_segments("loyal", "new")
    above = publish(ScratchPage(title="Above", slug="above"))
    editor.open(site + reverse("wagtailadmin_pages:add", args=["scratch", "scratchpage", above.pk]))
    editor.page.fill("#id_title", "Page")
    editor.add("body", "Offer")
    editor.page.fill("[name=body-0-value-slot]", "hero")
    editor.choose(f"{VARIANT}-segments", "loyal")
    editor.write(f"{VARIANT}-content", "Welcome back")
    editor.write("body-0-value-default", "Hello")
    photograph(editor.page, "wagtail-filled")
    editor.preview("", "Hello")
    editor.preview("segment:loyal", "Welcome back")
    assert editor.closed() == "hero: loyal"
    editor.send("Publish")

    above.refresh_from_db()
    (page,) = above.get_children()
    loyal, unknown = make_person("loyal"), None
    seen = [look(browser, site + page.url, who) for who in (loyal, unknown, loyal, unknown)]
    assert [words_in(html) for html in seen] == [["Welcome back"], ["Hello"]] * 2
    assert [serials_in(html) for html in seen[2:]] == [serials_in(html) for html in seen[:2]]


def look(browser: Browser, url: str, person: Person | None) -> str:
    """Return what a visitor is shown, in a browser of their own."""
    context = browser.new_context(viewport={"width": 800, "height": 300})
    cookies = person.cookies if person else {}
    context.add_cookies([{"name": name, "value": cookies[name], "url": url} for name in cookies])
    page = context.new_page()
    page.goto(url)
    photograph(page, f"wagtail-{'known' if person else 'unknown'}")
    html = page.content()
    context.close()
    return html


def test_who_edits_something_else_keeps_segments_that_are_off_or_gone(
    site: str, editor: Editor
) -> None:
    make_segments("loyal", "new")
    page = make_page(block({"loyal+off+gone": "Welcome back"}))
    Segment.objects.create(slug="off", name="Summer", active=False)
    edit = site + reverse("wagtailadmin_pages:edit", args=[page.pk])
    editor.open(edit)
    photograph(editor.page, "wagtail-gone")
    assert editor.boxes(f"{VARIANT}-segments") == {
        "loyal": True,
        "new": False,
        "Summer, which is switched off": True,
        "“gone”, which does not exist any more": True,
    }
    editor.page.fill("[name=body-0-value-default-0-value]", "Good morning")
    editor.send("Publish")
    page.refresh_from_db()
    (shown,) = page.body
    assert shown.value["default"][0].value == "Good morning"
    assert shown.value["variants"][0]["segments"] == ["loyal", "off", "gone"]

    editor.open(edit)
    editor.page.locator(f"input[name={VARIANT}-segments][value=gone]").uncheck()
    editor.send("Save draft")
    page.refresh_from_db()
    draft = page.get_latest_revision_as_object()
    assert draft.body[0].value["variants"][0]["segments"] == ["loyal", "off"]


def test_editors_are_told_of_a_slot_that_is_there_twice(site: str, editor: Editor) -> None:
    make_segments("loyal")
    page = make_page(block({"loyal": "one"}), block({"loyal": "two"}, slot="second"))
    editor.open(site + reverse("wagtailadmin_pages:edit", args=[page.pk]))
    editor.page.fill("[name=body-1-value-slot]", "hero")
    editor.send("Publish")
    told = editor.page.locator("#panel-child-content-body-section, #body-root").first.inner_text()
    photograph(editor.page, "wagtail-twice")
    assert "Two blocks here are of the slot “hero”." in told
