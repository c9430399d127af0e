"""The banner where the browser objects, where a yes is presumed, and beside Google's tags."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.tracker.stub_site import Site, html, send_now
from tests.tracker.test_consent_banner import ACCEPT, BANNER, REFUSE, SHOP, shown

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GPC = "Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true})"
PRESUME = ' data-presume="/p/consent/presume"'
ALL_DENIED = {
    "analytics_storage": "denied", "personalization_storage": "denied", "ad_storage": "denied",
    "ad_user_data": "denied", "ad_personalization": "denied",
}  # fmt: skip


def banner(*, attributes: str = "") -> str:
    note = '<p class="pz-consent-signal" hidden>Your browser asks sites not to.</p>'
    marked = BANNER.replace(' data-policy="1"', f' data-policy="1"{attributes}')
    return html(SHOP + marked.replace("<fieldset>", note + "<fieldset>"))


def said(site: Site) -> list[dict[str, Any]]:
    return [json.loads(post.body) for post in site.posts("/p/consent/")]


def told_to_google(page: Page) -> list[list[Any]]:
    entries: list[list[Any]] = page.evaluate("(window.dataLayer || []).map((e) => Array.from(e))")
    return [entry for entry in entries if entry[0] == "consent"]


def test_whose_browser_objects_is_not_asked(site: Site, page: Page) -> None:
    page.add_init_script(GPC)
    site.pages["/"] = banner()
    page.goto(site.url)
    assert not shown(page)
    send_now(page)
    assert said(site) == []
    assert site.posts() == []


def test_a_site_may_ask_all_the_same(site: Site, page: Page) -> None:
    page.add_init_script(GPC)
    site.pages["/"] = banner(attributes=' data-signals="ignore"')
    page.goto(site.url)
    assert shown(page)


def test_who_opens_the_banner_is_told_and_can_agree_in_spite_of_it(site: Site, page: Page) -> None:
    page.add_init_script(GPC)
    site.pages["/"] = banner()
    page.goto(site.url)
    page.click("#choices")
    assert page.is_visible(".pz-consent-signal")
    page.click(ACCEPT)
    site.wait_for(lambda: said(site))
    assert said(site)[0]["despite_signal"] is True


def test_who_agreed_in_spite_of_it_is_counted(
    site: Site, page: Page, agree: Callable[..., None]
) -> None:
    page.add_init_script(GPC)
    site.pages["/"] = banner()
    agree("1.analytics-signal")
    page.goto(site.url)
    send_now(page)
    site.wait_for(lambda: site.names() == ["page"])
    assert said(site) == []


def test_an_answer_of_before_the_signal_is_taken_back(
    site: Site, page: Page, agree: Callable[..., None]
) -> None:
    page.add_init_script(GPC)
    site.pages["/"] = banner()
    agree("1.analytics")
    page.goto(site.url)
    site.wait_for(lambda: said(site) == [{"signal": True}])
    assert not shown(page)
    send_now(page)
    assert site.posts() == []


def test_where_a_yes_is_presumed_nobody_is_asked(site: Site, page: Page) -> None:
    site.presumed = ["analytics"]
    site.pages["/"] = banner(attributes=PRESUME)
    page.goto(site.url)
    site.wait_for(lambda: page.evaluate("document.cookie") == "pz_consent=1.analytics")
    assert not shown(page)
    send_now(page)
    site.wait_for(lambda: site.names() == ["page"])


def test_where_it_is_not_the_visitor_is_asked(site: Site, page: Page) -> None:
    site.pages["/"] = banner(attributes=PRESUME)
    page.goto(site.url)
    site.wait_for(lambda: shown(page))
    assert page.evaluate("document.cookie") == ""
    assert site.names() == []


def test_whose_browser_objects_is_not_presumed_to_agree(site: Site, page: Page) -> None:
    page.add_init_script(GPC)
    site.presumed = ["analytics"]
    site.pages["/"] = banner(attributes=PRESUME)
    page.goto(site.url)
    send_now(page)
    assert site.posts("/p/consent/presume") == []
    assert not shown(page)


def test_google_is_told_no_before_there_is_an_answer_and_then_the_answer(
    site: Site, page: Page
) -> None:
    site.pages["/"] = banner(attributes=" data-consent-mode")
    page.goto(site.url)
    assert told_to_google(page) == [["consent", "default", ALL_DENIED]]
    page.check("[value=analytics]")
    page.click(".pz-consent-save")
    site.wait_for(lambda: len(told_to_google(page)) == 2)
    granted = {**ALL_DENIED, "analytics_storage": "granted"}
    assert told_to_google(page)[1] == ["consent", "update", granted]


def test_google_is_told_what_was_answered_earlier(
    site: Site, page: Page, agree: Callable[..., None]
) -> None:
    site.pages["/"] = banner(attributes=" data-consent-mode")
    agree("1.analytics-marketing-personalization")
    page.goto(site.url)
    assert told_to_google(page)[1] == ["consent", "update", dict.fromkeys(ALL_DENIED, "granted")]


def test_google_is_told_nothing_where_nobody_asked_for_it(site: Site, page: Page) -> None:
    site.pages["/"] = banner()
    page.goto(site.url)
    page.click(REFUSE)
    site.wait_for(lambda: not shown(page))
    assert page.evaluate("typeof dataLayer") == "undefined"


def test_all_of_it_can_be_done_by_the_keyboard(site: Site, page: Page) -> None:
    site.pages["/"] = banner()
    page.goto(site.url)
    page.focus("#choices")
    page.keyboard.press("Enter")
    for key in ("Tab", "Space", "Tab", "Tab", "Tab", "Tab", "Enter"):  # the box, then “Save”
        page.keyboard.press(key)
    site.wait_for(lambda: said(site))
    assert said(site)[0]["purposes"] == ["analytics"]
    page.wait_for_function("document.activeElement.id === 'choices'")


def test_before_an_answer_there_is_no_cookie_no_storage_and_no_request(
    site: Site, page: Page
) -> None:
    site.pages["/"] = banner()
    page.goto(site.url)
    page.mouse.wheel(0, 500)
    page.click("h1")
    page.wait_for_timeout(1_500)
    asked = {received.path for received in site.requests}
    static = "/static/personalization/"
    own = {"/", f"{static}tracker.js", f"{static}consent.js", f"{static}consent.css"}
    assert asked - {"/favicon.ico"} == own
    assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == [
        "", 0, 0,
    ]  # fmt: skip
    assert page.evaluate("indexedDB.databases().then((found) => found.length)") == 0
    assert page.context.cookies() == []
