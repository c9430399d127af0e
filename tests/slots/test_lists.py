"""`slots.js` and lists of recommended items: everybody's become the visitor's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.slots.site import Site, agree, block, consent, decision, events, html

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LIST = (
    '<div class="pz-list" data-personalization-list="home" data-personalization-limit="3" '
    'data-personalization-item="a &amp; b"><ul><li>popular</li></ul></div>'
)
EMPTY = LIST.replace("<ul><li>popular</li></ul>", "")
SETTLED = 700


def listed(title: str, number: int = 1) -> dict[str, Any]:
    shown = {
        "place": "home", "items": [title], "propensities": [1.0], "model": "recommend 7",
        "decision_id": f"{number:032x}",
    }  # fmt: skip
    return {"html": f"<ul><li>{title}</li></ul>", "shown": shown, "recommendations": []}


def visit(page: Page, site: Site, body: str = LIST) -> None:
    site.pages["/"] = html(body)
    agree(page, site)
    page.goto(site.url)


def wait_for(page: Page, text: str) -> None:
    page.locator("li").get_by_text(text, exact=True).wait_for()


def reported(page: Page, n: int) -> list[str]:
    """Return the names of the events, once there are so many. The policy of the page forbids to
    wait for an expression."""
    for _ in range(100):
        if len(events(page)) >= n:
            break
        page.wait_for_timeout(50)
    return [str(call[1]) for call in events(page)]


def test_the_own_list_takes_the_place_of_everybodys_and_is_reported_once_it_is_seen(
    site: Site, page: Page
) -> None:
    site.lists["home"] = answer = listed("boots")
    visit(page, site)
    wait_for(page, "boots")
    assert reported(page, 1) == ["Recommendation Shown"]
    page.wait_for_timeout(200)
    assert page.locator("li").all_inner_texts() == ["boots"]
    assert site.asked_lists == [
        {"place": "home", "limit": "3", "item": "a & b", "html": "1", "shown": "0"}
    ]
    assert site.questions == []
    assert events(page) == [
        [
            "track",
            "Recommendation Shown",
            answer["shown"],
            {"messageId": answer["shown"]["decision_id"]},
        ]
    ]


def test_a_list_below_the_window_is_reported_when_it_is_scrolled_to(site: Site, page: Page) -> None:
    site.lists["home"] = listed("boots")
    site.pages["/far.css"] = "#far { height: 4000px }"
    far = '<link rel="stylesheet" href="/far.css"><div id="far"></div>'
    visit(page, site, far + LIST)
    wait_for(page, "boots")
    page.wait_for_timeout(200)
    assert events(page) == []
    page.evaluate("scrollTo(0, 5000)")
    assert reported(page, 1) == ["Recommendation Shown"]


def test_without_consent_everybodys_stays_and_nothing_is_asked(site: Site, page: Page) -> None:
    site.lists["home"] = listed("boots")
    site.pages["/"] = html(LIST)
    page.goto(site.url)
    page.wait_for_timeout(SETTLED)
    assert page.locator("li").all_inner_texts() == ["popular"]
    assert site.asked_lists == []


def test_withdrawing_brings_everybodys_back_and_agreeing_the_own(site: Site, page: Page) -> None:
    site.lists["home"] = listed("boots")
    visit(page, site)
    wait_for(page, "boots")
    consent(page, site, "analytics")
    wait_for(page, "popular")
    site.lists["home"] = listed("socks", number=2)
    consent(page, site, "analytics", "personalization")
    wait_for(page, "socks")


def around(inside: str) -> str:
    """Return what stands around a list and waits for it, as templates have it."""
    heading = "<h2>Picked for you</h2>"
    return f"<section data-personalization-around hidden>{heading}{inside}</section>"


def test_what_stands_around_an_empty_list_is_in_sight_while_there_is_something_in_it(
    site: Site, page: Page
) -> None:
    site.lists["home"] = listed("boots")
    visit(page, site, around(EMPTY))
    heading = page.get_by_role("heading", name="Picked for you")
    heading.wait_for()
    assert page.get_by_text("boots").is_visible()
    assert reported(page, 1) == ["Recommendation Shown"], "what is hidden is never seen"
    consent(page, site, "analytics")
    heading.wait_for(state="hidden")
    assert page.locator("li").count() == 0
    consent(page, site, "analytics", "personalization")
    heading.wait_for()


@pytest.mark.parametrize("agreed", [True, False])
def test_what_stands_around_a_list_that_stays_empty_stays_hidden(
    site: Site, page: Page, agreed: bool
) -> None:
    site.lists["home"] = {"html": ""} if agreed else listed("boots")
    site.pages["/"] = html(around(EMPTY))
    if agreed:
        agree(page, site)
    page.goto(site.url)
    page.wait_for_load_state("networkidle")
    assert len(site.asked_lists) == agreed
    assert not page.get_by_text("Picked for you").is_visible()


def test_withdrawing_while_the_answer_is_on_its_way_shows_nothing(site: Site, page: Page) -> None:
    site.lists["home"] = listed("boots")
    site.open.clear()
    visit(page, site)
    page.wait_for_timeout(200)
    consent(page, site)
    site.open.set()
    page.wait_for_timeout(SETTLED)
    assert page.locator("li").all_inner_texts() == ["popular"]


@pytest.mark.parametrize("failure", ["late", "refused", "empty"])
def test_what_is_late_refused_or_empty_leaves_everybodys(
    site: Site, page: Page, failure: str
) -> None:
    site.lists["home"] = listed("boots") if failure != "empty" else {"html": ""}
    if failure == "late":
        site.patience, site.delay = 500, 0.8
    site.status = 400 if failure == "refused" else 200
    visit(page, site)
    page.wait_for_timeout(1500 if failure == "late" else SETTLED)
    assert page.locator("li").all_inner_texts() == ["popular"]
    assert events(page) == []


def test_what_somebody_has_touched_is_not_taken_away(site: Site, page: Page) -> None:
    site.lists["home"] = listed("boots")
    site.open.clear()
    visit(page, site)
    page.locator("li").click()
    site.open.set()
    page.wait_for_timeout(SETTLED)
    assert page.locator("li").all_inner_texts() == ["popular"]


def test_a_list_in_a_slot_that_is_shown_is_filled_too(site: Site, page: Page) -> None:
    site.decisions["hero"] = decision("template:0:a")
    site.lists["home"] = listed("boots")
    visit(page, site, block(variants='{% variant "a" %}' + LIST))
    wait_for(page, "boots")


def test_a_slow_list_holds_up_no_slot(site: Site, page: Page) -> None:
    site.decisions["hero"] = decision("variation:3", "<p>from the admin</p>")
    site.pages["/"] = html(LIST + block())
    agree(page, site)
    page.route("**/p/v1/recommend?*", lambda route: None)  # no answer ever
    page.goto(site.url)
    page.get_by_text("from the admin").wait_for()


def test_a_slot_that_shows_a_list_reports_both_when_it_is_seen(site: Site, page: Page) -> None:
    told = listed("boots")
    site.decisions["hero"] = decision("variation:3", told["html"], lists=[told["shown"]])
    visit(page, site, block())
    wait_for(page, "boots")
    assert len(reported(page, 2)) == 2
    assert [(call[1], call[3]["messageId"]) for call in events(page)] == [
        ("Slot Shown", site.decisions["hero"]["decision_id"]),  # type: ignore[index]
        ("Recommendation Shown", told["shown"]["decision_id"]),
    ]


def test_the_page_hears_of_the_list(site: Site, page: Page) -> None:
    site.pages["/listen.js"] = (
        "window.heard = [];"
        "document.addEventListener('personalization:list', (e) => window.heard.push(e.detail))"
    )
    site.lists["home"] = listed("boots")
    site.pages["/"] = html(LIST, head='<script src="/listen.js"></script>')
    agree(page, site)
    page.goto(site.url)
    wait_for(page, "boots")
    assert page.evaluate("window.heard") == [{"place": "home"}]
