"""The page in a real browser: on a phone, by keyboard, without scripts, under a strict policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from personalization.privacy.erasure.finish import finish_erasures
from personalization.privacy.models import Erasure
from personalization.profiles.models import Identity, Profile
from tests.admin.browsing import browser, under_policy
from tests.conftest import BROWSER
from tests.rights.conftest import PASSWORD, Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

__all__ = ["browser"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTH, HEIGHT = 360, 740
PRESSES = 80


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer) -> Iterator[Callable[[Person], Page]]:
    """Return what opens the page for somebody; at the end nothing may offend the policy."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def open_page(person: Person) -> Page:
        context = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT},
            user_agent=BROWSER,
            java_script_enabled=False,
            accept_downloads=True,
        )
        contexts.append(context)
        for name, cookie in person.client.cookies.items():
            context.add_cookies([{"name": name, "value": cookie.value, "url": live_server.url}])
        page = context.new_page()
        page.route("**/*", under_policy)
        page.on("console", lambda line: complaints.append(line.text))
        page.goto(f"{live_server.url}/p/privacy/?of=person")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [said for said in complaints if "Content Security Policy" in said] == []


def press(page: Page, name: str, key: str = "Enter") -> None:
    """Go by Tab to what is called `name`, and press a key on it."""
    called = re.compile(rf"^\s*{re.escape(name)}\s*$")
    focused = page.locator("a:focus, button:focus, label:focus-within").filter(has_text=called)
    for _ in range(PRESSES):
        page.keyboard.press("Tab")
        if focused.count():
            page.keyboard.press(key)
            return
    raise AssertionError(f"“{name}” cannot be reached by Tab")


def fits(page: Page) -> bool:
    """Return whether nothing sticks out at the side."""
    page.wait_for_load_state()  # its style too: a heading is there before that
    return bool(page.evaluate("document.documentElement.scrollWidth") <= WIDTH)


def test_somebody_erases_everything_by_keyboard_and_keeps_the_receipt(
    make_person: Callable[..., Person], visit: Callable[[Person], Page]
) -> None:
    person = make_person(("Product Viewed", 1), account="ada", traits={"city": "Kraków"})
    page = visit(person)
    press(page, "Confirm")
    page.locator("input[type=password]:focus").wait_for()  # nobody has to go there
    assert fits(page)
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Who we think you are").wait_for()
    assert page.get_by_role("textbox", name="city").input_value() == "Kraków"
    assert fits(page)

    press(page, "Erase…")
    page.get_by_role("heading", name="What goes").wait_for()
    assert fits(page)
    press(page, "I am sure: erase it.", "Space")
    press(page, "Erase everything")
    page.get_by_role("heading", name="Receipt of an erasure").wait_for()
    assert not Profile.objects.filter(pk=person.profile.pk).exists()
    assert not Identity.objects.filter(value=person.visitor_id).exists()

    finish_erasures(now=timezone.now())
    press(page, "Look again")
    page.get_by_text("Done: every place was searched").wait_for()
    assert fits(page)
    with page.expect_download() as download:
        press(page, "Download the signed receipt")
    assert download.value.suggested_filename == f"erasure-{Erasure.objects.get().uid}.json"


def test_a_browser_that_is_erased_shows_no_id_any_more(
    make_person: Callable[..., Person], visit: Callable[[Person], Page]
) -> None:
    page = visit(make_person(("Product Viewed", 1)))
    page.goto(page.url.partition("?")[0])
    press(page, "Erase…")
    page.get_by_role("heading", name="What goes").wait_for()
    press(page, "I am sure: erase it.", "Space")
    press(page, "Erase everything")
    page.get_by_role("heading", name="Receipt of an erasure").wait_for()
    assert "pz_id" not in {cookie["name"] for cookie in page.context.cookies()}
    press(page, "Your data")
    page.get_by_role("heading", name="Nothing is known of this browser").wait_for()
