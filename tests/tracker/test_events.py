"""What the tracker notices, and what it says about it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.tracker.stub_site import TRACKER, Site, html, send_now, stop_clock

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def test_a_page_view_says_what_was_viewed(
    site: Site, page: Page, visit: Callable[..., Page]
) -> None:
    stop_clock(page)
    visit("/?size=42")
    [post] = site.posts()
    [event] = post.batch
    viewed = {
        "url": site.url + "/?size=42",
        "path": "/",
        "referrer": "",
        "title": "Shoes",
    }
    assert event["type"] == "page"
    assert event["properties"] == viewed
    assert event["context"]["page"] == viewed
    assert event["context"]["library"]["name"] == "personalization.js"
    assert re.fullmatch(UUID, event["messageId"])
    assert set(event) == {"type", "properties", "context", "timestamp", "messageId"}


@pytest.mark.slow
def test_a_browser_that_a_program_drives_says_so(site: Site, visit: Callable[..., Page]) -> None:
    visit("/")
    assert site.events("page")[0]["context"]["automated"] is True


@pytest.mark.slow
def test_the_browser_of_a_person_says_nothing_of_it(
    site: Site, context: BrowserContext, visit: Callable[..., Page]
) -> None:
    # It is driven all the same; what a page can see of it is that of a person.
    context.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false })"
    )
    visit("/")
    assert "automated" not in site.events("page")[0]["context"]


@pytest.mark.slow
def test_every_event_carries_what_the_site_signed_of_who_is_logged_in(
    site: Site, visit: Callable[..., Page]
) -> None:
    visit("/")
    assert "userToken" not in site.events("page")[0]["context"]
    site.pages["/in/"] = html(head=TRACKER.replace(" defer", ' defer data-user="7:signed"'))
    page = visit("/in/")
    page.evaluate("personalization.track('Bought')")
    site.wait_for(lambda: site.events("Bought"))
    after = [event for event in site.events() if "/in/" in event["context"]["page"]["url"]]
    assert {"page", "track"} <= {event["type"] for event in after}
    assert {event["context"].get("userToken") for event in after} == {"7:signed"}


def test_a_batch_is_text_and_carries_the_key_and_the_time(
    site: Site, page: Page, agree: Callable[..., None]
) -> None:
    agree()
    stop_clock(page)
    page.goto(site.url)
    page.wait_for_load_state("networkidle")
    page.clock.run_for(1_000)
    site.wait_for(site.posts)
    [post] = site.posts()
    body = json.loads(post.body)
    assert post.content_type.startswith("text/plain")
    assert set(body) == {"batch", "sentAt", "writeKey"}
    assert body["writeKey"] == "KEY"
    sent = datetime.fromisoformat(body["sentAt"])
    happened = datetime.fromisoformat(body["batch"][0]["timestamp"])
    assert timedelta(seconds=0.9) < sent - happened < timedelta(seconds=5)
    assert abs(datetime.now(UTC) - sent) < timedelta(minutes=1)


def test_calls_made_before_the_tracker_is_there_are_replayed(
    site: Site, page: Page, agree: Callable[..., None]
) -> None:
    site.pages["/early.js"] = (
        "window.personalization = window.personalization || {q: []};"
        "personalization.q.push(['track', 'Searched', {query: 'shoes'}]);"
        "personalization.q.push(['nonsense']);"
        "personalization.q.push(['identify', 'u1', {plan: 'gold'}]);"
    )
    site.pages["/"] = html(head='<script src="/early.js"></script>' + TRACKER)
    agree()
    page.goto(site.url)
    page.evaluate("personalization.q.push(['track', 'Late'])")
    site.wait_for(lambda: site.names() == ["page", "Searched", "identify", "Late"])
    assert site.events("Searched")[0]["properties"] == {"query": "shoes"}
    assert site.events("identify")[0]["userId"] == "u1"


@pytest.mark.slow
def test_traits_may_come_without_a_user(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    page.evaluate("personalization.identify({plan: 'gold'})")
    site.wait_for(lambda: site.events("identify"))
    [event] = site.events("identify")
    assert event["traits"] == {"plan": "gold"}
    assert "userId" not in event


@pytest.mark.slow
def test_the_shop_calls_use_the_names_of_the_spec(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    page.evaluate(
        "personalization.productAdded({product_id: 's1', price: 9.5});"
        "personalization.productRemoved({product_id: 's1'});"
        "personalization.orderCompleted({order_id: 'o1', total: 9.5})"
    )
    site.wait_for(
        lambda: site.names()[1:] == ["Product Added", "Product Removed", "Order Completed"]
    )
    assert site.events("Product Added")[0]["properties"] == {"product_id": "s1", "price": 9.5}


@pytest.mark.slow
def test_a_named_page_view_can_be_sent_by_hand(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    page.evaluate("personalization.page('Cart', {items: 2})")
    site.wait_for(lambda: len(site.events("page")) == 2)
    event = site.events("page")[1]
    assert event["name"] == "Cart"
    assert event["properties"]["items"] == 2
    assert event["properties"]["path"] == "/"


def test_marked_elements_report_clicks(site: Site, visit: Callable[..., Page]) -> None:
    site.pages["/"] = html(
        """<button id="a" data-personalization-event="Product Added"
             data-personalization-properties='{"product_id": "s1"}'><b>Buy</b></button>
           <button id="b" data-personalization-event="">Plain</button>
           <button id="c" data-personalization-event="Broken"
             data-personalization-properties="{">Broken</button>
           <button id="d">Not marked</button>"""
    )
    page = visit()
    for element in ("#a b", "#b", "#c", "#d"):
        page.click(element)
    site.wait_for(lambda: len(site.names()) == 4)
    # Requests that are under way at once arrive in any order.
    clicks = ("Product Added", "Element Clicked", "Broken")
    assert sorted(site.names()) == sorted(["page", *clicks])
    told = [site.events(name)[0]["properties"] for name in clicks]
    assert told == [{"product_id": "s1"}, {}, {}]


@pytest.mark.slow
def test_the_middle_button_opens_links_and_nothing_else(
    site: Site, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = html(
        '<a href="/new" data-personalization-event="Opened">Link</a>'
        '<button data-personalization-event="Product Added">Buy</button>'
    )
    site.pages["/new"] = html(head="")
    page = visit()
    page.click("a", button="right")
    page.click("button", button="middle")
    page.click("a", button="middle")
    site.wait_for(lambda: site.names() == ["page", "Opened"])


@pytest.mark.slow
def test_a_click_is_heard_although_the_page_stops_it(
    site: Site, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = html(
        '<button data-personalization-event="Heard">x</button><script src="/stop.js"></script>'
    )
    site.pages["/stop.js"] = (
        "document.querySelector('button').onclick = (event) => event.stopImmediatePropagation()"
    )
    page = visit()
    page.click("button")
    site.wait_for(lambda: site.events("Heard"))


@pytest.mark.slow
def test_a_marked_form_counts_when_it_is_submitted(site: Site, visit: Callable[..., Page]) -> None:
    site.pages["/"] = html(
        '<form action="/done" data-personalization-event="Products Searched">'
        '<input name="q" required><button>Search</button></form>'
    )
    site.pages["/done"] = html(head="")
    page = visit()
    page.click("input")
    page.click("button")
    page.fill("input", "shoes")
    page.press("input", "Enter")
    page.wait_for_url("**/done?q=shoes")
    site.wait_for(lambda: site.events("Products Searched"))
    assert site.names() == ["page", "Products Searched"]


def test_marked_elements_report_that_they_were_shown(
    site: Site, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = html(
        """<main data-personalization-view="Product Viewed"
             data-personalization-properties='{"product_id": "s1"}'>Shoe</main>"""
    )
    visit()
    site.wait_for(lambda: site.names() == ["page", "Product Viewed"])
    assert site.events("Product Viewed")[0]["properties"] == {"product_id": "s1"}


@pytest.mark.slow
def test_each_quarter_of_a_page_is_reported_once(site: Site, visit: Callable[..., Page]) -> None:
    site.pages["/tall.css"] = "body { height: 8000px }"
    site.pages["/"] = html(head=TRACKER + '<link rel="stylesheet" href="/tall.css">')
    page = visit()
    for position in (100, 4_000, 0, 4_000, 8_000, 0, 8_000):
        page.evaluate("y => scrollTo(0, y)", position)
        page.wait_for_timeout(80)
    site.wait_for(lambda: len(site.names()) == 5)
    send_now(page)
    marks = [event["properties"]["percent"] for event in site.events("Scroll Depth Reached")]
    assert marks == [25, 50, 75, 100]


def test_engaged_time_is_reported_when_the_visitor_leaves(
    site: Site, page: Page, visit: Callable[..., Page]
) -> None:
    site.pages["/next"] = html(head="")
    stop_clock(page)
    visit()
    for x in range(5):
        page.mouse.move(x * 10, 5)
        page.clock.run_for(500)
    page.goto(site.url + "/next")
    site.wait_for(lambda: site.events("Engaged"))
    [event] = site.events("Engaged")
    assert event["properties"]["seconds"] == 2
    assert event["context"]["page"]["path"] == "/"


@pytest.mark.slow
def test_a_visitor_who_does_nothing_is_engaged_for_five_seconds(
    site: Site, page: Page, agree: Callable[..., None]
) -> None:
    agree()
    stop_clock(page)
    page.goto(site.url)
    page.wait_for_load_state("networkidle")
    page.clock.run_for(60_000)
    site.wait_for(lambda: site.events("Engaged"))
    assert [event["properties"]["seconds"] for event in site.events("Engaged")] == [5]


@pytest.mark.slow
def test_engaged_time_is_reported_every_fifteen_seconds(
    site: Site, page: Page, agree: Callable[..., None]
) -> None:
    agree()
    stop_clock(page)
    page.goto(site.url)
    page.wait_for_load_state("networkidle")
    for second in range(40):
        page.evaluate("dispatchEvent(new Event('mousemove'))")
        page.clock.run_for(1_000)
        if second == 34:
            page.evaluate("document.hasFocus = () => false; dispatchEvent(new Event('blur'))")
    site.wait_for(lambda: len(site.events("Engaged")) >= 2)
    seconds = [event["properties"]["seconds"] for event in site.events("Engaged")]
    assert sum(seconds) in (29, 30)
    page.goto("about:blank")
    site.wait_for(lambda: len(site.events("Engaged")) == 3)
    assert site.events("Engaged")[2]["properties"]["seconds"] in (5, 6)


@pytest.mark.slow
def test_a_tracker_loaded_twice_counts_once(site: Site, visit: Callable[..., Page]) -> None:
    site.pages["/"] = html(
        '<button data-personalization-event="Clicked">x</button>', head=TRACKER + TRACKER
    )
    page = visit()
    page.click("button")
    site.wait_for(lambda: site.events("Clicked"))
    send_now(page)
    assert site.names() == ["page", "Clicked"]


@pytest.mark.slow
def test_a_page_rendered_ahead_counts_when_it_is_opened(
    site: Site, page: Page, agree: Callable[..., None]
) -> None:
    agree()
    page.add_init_script(
        "Object.defineProperty(document, 'prerendering', {configurable: true, value: true})"
    )
    page.goto(site.url)
    send_now(page)
    assert site.posts() == []
    page.evaluate("document.dispatchEvent(new Event('prerenderingchange'))")
    site.wait_for(lambda: site.names() == ["page"])


def test_nothing_is_thrown_into_the_page(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    page.evaluate(
        """() => {
          const loop = {}; loop.loop = loop;
          personalization.track('Loop', loop);
          personalization.track('Big', {size: 10n});
          personalization.q.push(null);
          personalization.q.push(['missing']);
          localStorage.pz_queue = 'no JSON';
          document.dispatchEvent(new Event('click'));
          Storage.prototype.setItem = Storage.prototype.getItem = () => { throw 'full' };
          crypto.randomUUID = undefined;
          personalization.track('Still here');
        }"""
    )
    site.wait_for(lambda: site.names() == ["page", "Still here"])
