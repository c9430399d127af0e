"""The consent banner: asks, records, tells the tracker, and plays no tricks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.tracker.stub_site import TRACKER, Site, html, send_now

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PURPOSES = ["analytics", "personalization", "marketing"]
BANNER = (
    '<link rel="stylesheet" href="/static/personalization/consent.css">'
    '<section id="personalization-consent" class="pz-consent" role="region"'
    ' aria-labelledby="title" hidden data-cookie="pz_consent" data-policy="1">'
    '<form method="post" action="/p/consent/"><h2 id="title">May we remember your visit?</h2>'
    "<p>We would like to use what you do on this site. You decide for what.</p>"
    "<fieldset><legend>You may use my visits for</legend>"
    + "".join(
        f'<label><input type="checkbox" name="purposes" value="{purpose}">'
        f" <span><b>{purpose.title()}</b> What we do with it.</span></label>"
        for purpose in PURPOSES
    )
    + '</fieldset><input type="hidden" name="next" value="/">'
    '<p class="pz-consent-status" role="status" aria-live="polite"></p>'
    '<div class="pz-consent-actions"><button name="choice" value="none">Refuse all</button>'
    '<button class="pz-consent-save">Save my choice</button>'
    '<button name="choice" value="all">Accept all</button></div></form></section>'
    '<script src="/static/personalization/consent.js" defer></script>'
)
SHOP = (
    '<main><h1>Shoes</h1><p>Text of the page.</p><a href="/p/consent/"'
    ' data-personalization-consent id="choices">Privacy choices</a></main>'
)
ACCEPT, REFUSE, SAVE = "[value=all]", "[value=none]", ".pz-consent-save"


@pytest.fixture
def shop(site: Site, page: Page) -> Page:
    site.pages["/"] = html(SHOP + BANNER)
    page.goto(site.url)
    return page


@pytest.fixture
def answered(site: Site, page: Page, agree: Callable[..., None]) -> Page:
    """The shop, for a visitor who agreed to analytics."""
    site.pages["/"] = html(SHOP + BANNER)
    agree("1.analytics")
    page.goto(site.url)
    return page


def shown(page: Page) -> bool:
    return page.is_visible("#personalization-consent")


def answers(site: Site) -> list[list[str]]:
    return [json.loads(post.body)["purposes"] for post in site.posts("/p/consent/")]


def ticked(page: Page) -> list[str]:
    boxes = page.locator("input[name=purposes]:checked")
    return [box.get_attribute("value") or "" for box in boxes.all()]


def focused(page: Page) -> str:
    focused: str = page.evaluate("document.activeElement.id")
    return focused


def test_the_first_visit_is_asked_and_nothing_is_ticked(site: Site, shop: Page) -> None:
    assert shown(shop)
    assert ticked(shop) == []
    assert focused(shop) == ""


@pytest.mark.parametrize(("answer", "asked"), [("1.", False), ("0.analytics", True)])
def test_only_an_answer_to_this_policy_is_an_answer(
    site: Site, page: Page, agree: Callable[..., None], answer: str, asked: bool
) -> None:
    site.pages["/"] = html(SHOP + BANNER)
    agree(answer)
    page.goto(site.url)
    assert shown(page) is asked


def test_the_banner_moves_nothing(site: Site, shop: Page) -> None:
    place = shop.evaluate("document.querySelector('main').getBoundingClientRect().toJSON()")
    shop.click(REFUSE)
    site.wait_for(lambda: not shown(shop))
    assert place == shop.evaluate("document.querySelector('main').getBoundingClientRect().toJSON()")


def test_accepting_starts_the_tracker_without_a_reload(site: Site, shop: Page) -> None:
    shop.click(ACCEPT)
    site.wait_for(lambda: site.names() == ["page"])
    assert answers(site) == [PURPOSES]
    assert not shown(shop)
    assert len([r for r in site.requests if r.path == "/"]) == 1
    assert shop.text_content(".pz-consent-announcer") == "Your choice has been saved."


def test_refusing_starts_nothing(site: Site, shop: Page) -> None:
    shop.click(REFUSE)
    site.wait_for(lambda: not shown(shop))
    send_now(shop)
    assert answers(site) == [[]]
    assert site.posts() == []
    assert shop.evaluate("localStorage.length") == 0
    shop.reload()
    assert not shown(shop)


def test_a_selection_is_recorded_as_it_is(site: Site, shop: Page) -> None:
    shop.check("[value=marketing]")
    shop.click(SAVE)
    site.wait_for(lambda: answers(site) == [["marketing"]])
    send_now(shop)
    assert site.posts() == []


@pytest.mark.parametrize("presses", [["Space"], ["Space", "Space"]])
def test_enter_in_a_checkbox_saves_the_selection(
    site: Site, shop: Page, presses: list[str]
) -> None:
    for key in [*presses, "Enter"]:
        shop.press("[value=analytics]", key)
    site.wait_for(lambda: answers(site) == [["analytics"] if len(presses) == 1 else []])


def test_escape_answers_nothing(site: Site, shop: Page) -> None:
    shop.press(ACCEPT, "Escape")
    assert not shown(shop)
    send_now(shop)
    assert site.posts() == []
    assert answers(site) == []
    shop.reload()
    assert shown(shop)


def test_an_answer_can_be_looked_at_again(site: Site, answered: Page) -> None:
    assert not shown(answered)
    answered.click("#choices")
    assert shown(answered)
    assert ticked(answered) == ["analytics"]
    assert focused(answered) == "personalization-consent"
    answered.keyboard.press("Escape")
    assert not shown(answered)
    assert focused(answered) == "choices"
    assert answers(site) == []


def test_withdrawing_stops_the_tracker_at_once(site: Site, answered: Page) -> None:
    site.wait_for(lambda: site.names() == ["page"])
    answered.click("#choices")
    answered.uncheck("[value=analytics]")
    answered.click(SAVE)
    site.wait_for(lambda: answers(site) == [[]])
    site.wait_for(lambda: not shown(answered))
    answered.evaluate("personalization.track('Late')")
    send_now(answered)
    assert site.names() == ["page"]
    assert focused(answered) == "choices"


@pytest.mark.parametrize("status", [403, 500])
def test_a_choice_that_was_not_recorded_starts_nothing(site: Site, shop: Page, status: int) -> None:
    site.consent_status = status
    shop.click(ACCEPT)
    site.wait_for(lambda: shop.text_content(".pz-consent-status"))
    assert shop.text_content(".pz-consent-status") == (
        "Your choice could not be saved. Please try again."
    )
    assert shown(shop)
    send_now(shop)
    assert site.posts() == []
    site.consent_status = 200
    shop.click(ACCEPT)
    site.wait_for(lambda: site.names() == ["page"])


def test_a_choice_without_network_starts_nothing(site: Site, shop: Page) -> None:
    shop.context.set_offline(True)
    shop.click(ACCEPT)
    site.wait_for(lambda: shop.text_content(".pz-consent-status"))
    assert shown(shop)
    assert shop.evaluate("document.cookie") == ""


def test_an_answer_in_another_tab_is_followed(site: Site, shop: Page) -> None:
    shop.evaluate(
        "document.cookie = 'pz_consent=1.analytics; path=/';"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    assert not shown(shop)
    site.wait_for(lambda: site.names() == ["page"])


def test_a_tracker_that_comes_later_is_told(site: Site, page: Page) -> None:
    site.pages["/"] = html(SHOP + BANNER, head="")
    page.goto(site.url)
    page.click(ACCEPT)
    site.wait_for(lambda: not shown(page))
    assert page.evaluate("personalization.q") == [["consent", PURPOSES]]


def test_refusing_weighs_as_much_as_accepting(shop: Page) -> None:
    look = """selector => {
        const { width, height } = document.querySelector(selector).getBoundingClientRect();
        const style = getComputedStyle(document.querySelector(selector));
        return [width, height, style.color, style.backgroundColor, style.font];
    }"""
    shop.emulate_media(reduced_motion="reduce")  # while they move, no two are quite of one size
    for width in (1280, 360):
        shop.set_viewport_size({"width": width, "height": 800})
        assert shop.evaluate(look, ACCEPT) == shop.evaluate(look, REFUSE)


def test_the_banner_fits_a_small_screen(shop: Page) -> None:
    shop.set_viewport_size({"width": 320, "height": 568})
    box = shop.locator("#personalization-consent").bounding_box()
    assert box is not None
    assert box["height"] <= 568 * 0.85 + 1
    assert shop.evaluate("document.documentElement.scrollWidth") <= 320
    shop.click(REFUSE)


def test_nothing_moves_for_those_who_want_no_motion(site: Site, page: Page) -> None:
    site.pages["/"] = html(SHOP + BANNER, head=TRACKER)
    page.emulate_media(reduced_motion="reduce")
    page.goto(site.url)
    name = "getComputedStyle(document.querySelector('#personalization-consent')).animationName"
    assert page.evaluate(name) == "none"
