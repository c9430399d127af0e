"""The tracker is inert until consent, and again after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.tracker.stub_site import Answer, Site, html, send_now

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VIEWED = '<p data-personalization-view="Product Viewed">Shoe</p>'
BUTTON = '<button data-personalization-event="Product Added">Buy</button>'
REFUSALS = ["", "1.", "1.marketing", "0.analytics"]


def do_everything(page: Page) -> None:
    page.click("button")
    page.mouse.wheel(0, 5_000)
    page.evaluate("personalization.track('Searched'); personalization.identify('u', {a: 1})")
    page.evaluate("history.pushState({}, '', '/other')")
    page.wait_for_timeout(100)
    send_now(page)
    page.goto("about:blank")


@pytest.mark.parametrize("answer", REFUSALS)
def test_nothing_is_stored_or_sent_without_consent(
    site: Site, page: Page, agree: Callable[..., None], answer: str
) -> None:
    site.pages["/"] = html(f'{VIEWED}{BUTTON}<script src="/spy.js"></script>')
    site.pages["/spy.js"] = "Storage.prototype.setItem = () => console.error('stored')"
    if answer:
        agree(answer)
    told: list[str] = []
    page.on("console", lambda line: told.append(line.text))
    page.goto(site.url)
    cookies = page.context.cookies()
    do_everything(page)
    assert site.posts() == []
    assert told == []
    assert page.context.cookies() == cookies


@pytest.mark.parametrize("purpose", ["analytics", "personalization"])
def test_granting_reports_the_page_that_is_open(site: Site, page: Page, purpose: str) -> None:
    site.pages["/"] = html(VIEWED)
    page.goto(site.url)
    page.evaluate("purpose => personalization.consent([purpose])", purpose)
    site.wait_for(lambda: site.names() == ["page", "Product Viewed"])


def test_granting_twice_reports_the_page_once(site: Site, page: Page) -> None:
    page.goto(site.url)
    page.evaluate("personalization.consent(['analytics'])")
    page.evaluate("personalization.consent(['analytics', 'personalization'])")
    site.wait_for(lambda: site.events("page"))
    send_now(page)
    assert site.names() == ["page"]


def test_withdrawing_stops_at_once(site: Site, visit: Callable[..., Page]) -> None:
    site.pages["/"] = html(BUTTON)
    page = visit()
    page.evaluate("personalization.track('Not sent yet'); personalization.consent([])")
    do_everything(page)
    assert site.names() == ["page"]


def test_withdrawing_clears_what_waits_in_the_storage(
    site: Site, visit: Callable[..., Page]
) -> None:
    site.pages["/plain"] = html(head="")
    page = visit()
    site.answers.append(Answer(503, {"Retry-After": "60"}))
    with page.expect_response("**/p/v1/batch") as answer:
        page.evaluate("personalization.track('Waits')")
    answer.value.finished()
    page.goto(site.url + "/?next")
    page.goto(site.url + "/plain")
    assert page.evaluate("localStorage.pz_queue") is not None
    page.goto(site.url)
    page.evaluate("personalization.consent([])")
    assert page.evaluate("localStorage.length") == 0


def test_what_was_under_way_when_consent_ended_is_not_tried_again(
    site: Site, visit: Callable[..., Page]
) -> None:
    page = visit()
    site.delay = 0.5
    site.answers.append(Answer(503))
    page.evaluate("personalization.track('Fails')")
    site.wait_for(lambda: site.events("Fails"))
    page.evaluate("personalization.consent([]); personalization.consent(['analytics'])")
    site.wait_for(lambda: len(site.events("page")) == 2)
    page.wait_for_timeout(2_000)
    assert site.names() == ["page", "Fails", "page"]


def test_a_refusal_elsewhere_clears_the_storage_on_the_next_page(
    site: Site, page: Page, agree: Callable[..., None]
) -> None:
    site.pages["/plain"] = html(head="")
    page.goto(site.url + "/plain")
    page.evaluate("localStorage.pz_queue = '[0, []]'")
    agree("1.")
    page.goto(site.url)
    assert page.evaluate("localStorage.length") == 0


def test_an_answer_in_another_tab_counts_here(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    page.evaluate("document.cookie = 'pz_consent=1.; path=/'")
    page.evaluate("personalization.track('After the refusal')")
    page.evaluate("document.cookie = 'pz_consent=1.analytics; path=/'")
    page.evaluate("personalization.track('After the consent')")
    site.wait_for(lambda: site.names() == ["page", "page", "After the consent"])


def test_anything_but_a_yes_is_a_no(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    page.evaluate("personalization.consent(undefined); personalization.track('Late')")
    send_now(page)
    assert site.names() == ["page"]
