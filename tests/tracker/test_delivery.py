"""How events travel: in batches, at once when the page goes, and again after a failure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.tracker.stub_site import Answer, Event, Site, html, stop_clock

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

N = 20
# What all keepalive requests of a page may weigh together.
KEEPALIVE_LIMIT = 64 * 1024


@pytest.fixture
def steps(site: Site) -> None:
    """Pages /0 to /20, each with a marked link to the next."""
    for n in range(N + 1):
        site.pages[f"/{n}"] = html(
            f'<a href="/{n + 1}" data-personalization-event="Product Added"'
            f" data-personalization-properties='{{\"n\": {n}}}'>Buy</a>"
        )


def bought(event: Event) -> bool:
    return event.get("event") == "Product Added"


def added(site: Site) -> list[int]:
    return [event["properties"]["n"] for event in site.events("Product Added")]


def sent_after(site: Site, page: Page, *, within: int) -> float:
    """Let so many milliseconds pass in the page, in which it sends; it is answered after them.

    Returns after how many seconds it sent.
    """
    began = page.evaluate("Date.now()")
    site.open.clear()  # what is left of the time would count as a part of the next wait
    with page.expect_response("**/p/v1/batch") as answer:
        page.clock.run_for(within)
        site.open.set()
    answer.value.finished()
    sent = json.loads(answer.value.request.post_data or "")["sentAt"]
    return datetime.fromisoformat(sent).timestamp() - float(began) / 1000


def assert_nothing_twice(site: Site) -> None:
    ids = Counter(event["messageId"] for event in site.events())
    assert [i for i, n in ids.items() if n > 1] == []


@pytest.mark.usefixtures("steps")
def test_clicks_that_lead_away_arrive_exactly_once_and_first(
    site: Site, page: Page, agree: Callable[..., None]
) -> None:
    agree()
    page.goto(site.url + "/0")
    for n in range(N):
        page.click("a")
        page.wait_for_url(f"**/{n + 1}")
    page.goto("about:blank")
    site.wait_for(lambda: len(added(site)) >= N and len(site.events("page")) > N)
    assert sorted(added(site)) == list(range(N))
    assert_nothing_twice(site)
    # The event sets out first. Connections may overtake each other, the more so on a busy
    # machine; if events waited for the page to go, not one of them would be first.
    asked = {r.path: r.at for r in site.requests if r.method == "GET"}
    known = {e["properties"]["n"]: p.at for p in site.posts() for e in p.batch if bought(e)}
    assert sum(known[n] < asked[f"/{n + 1}"] for n in range(N)) >= N // 4


@pytest.mark.usefixtures("steps")
def test_clicks_in_tabs_closed_at_once_arrive_exactly_once(
    site: Site, context: BrowserContext, agree: Callable[..., None]
) -> None:
    agree()
    site.pages["/opener"] = html(head="")
    opener = context.new_page()
    opener.goto(site.url + "/opener")
    for n in range(N):
        with opener.expect_popup() as opening:
            opener.evaluate("n => { window.tab = window.open(`/${n}`) }", n)
        opening.value.wait_for_load_state("load")
        opener.evaluate("tab.document.querySelector('a').click(); tab.close()")
    site.wait_for(lambda: len(added(site)) >= N and len(site.events("page")) >= N)
    assert sorted(added(site)) == list(range(N))
    assert_nothing_twice(site)


def test_a_click_followed_by_a_call_leaves_at_once_too(
    site: Site, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = html('<button>x</button><script src="/go.js"></script>')
    site.pages["/go.js"] = (
        "document.querySelector('button').onclick = () => {"
        " personalization.productAdded({n: 1}); location.href = '/next'; }"
    )
    site.pages["/next"] = html(head="")
    page = visit()
    page.click("button")
    page.wait_for_url("**/next")
    site.wait_for(lambda: added(site) == [1])


def test_leaving_sends_what_waits_exactly_once(
    site: Site, page: Page, agree: Callable[..., None]
) -> None:
    agree()
    page.goto(site.url)
    page.evaluate("for (let n = 0; n < 5; n++) personalization.track('Product Added', {n})")
    page.goto("about:blank")
    site.wait_for(lambda: len(added(site)) >= 5)
    page.wait_for_timeout(1_500)
    assert added(site) == [0, 1, 2, 3, 4]
    assert_nothing_twice(site)


def test_what_is_under_way_when_the_page_goes_is_not_repeated(
    site: Site, visit: Callable[..., Page]
) -> None:
    page = visit()
    site.delay = 0.3
    page.evaluate("personalization.track('Product Added', {n: 1})")
    site.wait_for(lambda: added(site))
    page.goto(site.url + "/?next")
    page.wait_for_timeout(3_000)
    assert added(site) == [1]
    assert_nothing_twice(site)


def test_a_batch_holds_twenty_events(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    page.evaluate("for (let n = 0; n < 45; n++) personalization.track('Product Added', {n})")
    site.wait_for(lambda: len(added(site)) == 45)
    assert added(site) == list(range(45))
    assert max(len(post.batch) for post in site.posts()) == 20


def test_a_batch_stays_below_what_the_browser_lets_outlive_a_page(
    site: Site, visit: Callable[..., Page]
) -> None:
    page = visit()
    page.evaluate(
        "for (let n = 0; n < 12; n++)"
        " personalization.track('Product Added', {n, text: 'ü'.repeat(5000)})"
    )
    page.evaluate("personalization.track('Too big', {text: 'x'.repeat(40000)})")
    site.wait_for(lambda: len(added(site)) == 12)
    assert added(site) == list(range(12))
    assert max(len(post.body.encode()) for post in site.posts()) < KEEPALIVE_LIMIT
    assert site.events("Too big") == []


def test_a_busy_server_is_asked_again_when_it_said(
    site: Site, page: Page, visit: Callable[..., Page]
) -> None:
    stop_clock(page)
    visit()
    site.answers.append(Answer(503, {"Retry-After": "2"}))
    page.evaluate("personalization.track('Product Added', {n: 1})")
    sent_after(site, page, within=1_000)
    assert 2 <= sent_after(site, page, within=4_000) < 4
    first, second = site.posts()[1:]
    assert [e["messageId"] for e in first.batch] == [e["messageId"] for e in second.batch]
    assert first.batch == second.batch


def test_a_failing_server_is_asked_less_and_less_often(
    site: Site, page: Page, visit: Callable[..., Page]
) -> None:
    stop_clock(page)
    visit()
    site.answers.extend([Answer(500), Answer(502), Answer(500)])
    page.evaluate("personalization.track('Product Added', {n: 1})")
    sent_after(site, page, within=1_000)
    assert 0.5 <= sent_after(site, page, within=1_500) < 1.5
    assert 1 <= sent_after(site, page, within=2_500) < 2.5
    assert 2 <= sent_after(site, page, within=4_500) < 4.5
    assert added(site) == [1] * 4


def test_a_refused_batch_is_dropped(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    site.answers.append(Answer(400))
    page.evaluate("personalization.track('Product Added', {n: 1})")
    site.wait_for(lambda: added(site) == [1])
    page.evaluate("personalization.track('Product Added', {n: 2})")
    site.wait_for(lambda: 2 in added(site))
    page.wait_for_timeout(1_500)
    assert added(site) == [1, 2]


def test_a_click_on_a_page_that_stays_is_tried_again(
    site: Site, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = html('<button data-personalization-event="Clicked">x</button>')
    page = visit()
    site.answers.append(Answer(503))
    page.click("button")
    site.wait_for(lambda: len(site.events("Clicked")) == 2)
    first, second = site.events("Clicked")
    assert first == second


def test_events_of_a_page_without_network_go_with_the_next(
    site: Site, visit: Callable[..., Page]
) -> None:
    page = visit()
    page.context.set_offline(True)
    page.evaluate("personalization.track('Product Added', {n: 1})")
    page.goto("about:blank")
    page.context.set_offline(False)
    assert added(site) == []
    page.goto(site.url)
    site.wait_for(lambda: added(site) == [1])
    assert page.evaluate("localStorage.length") == 0
    assert_nothing_twice(site)


def test_the_next_page_keeps_to_what_the_server_asked_for(
    site: Site, visit: Callable[..., Page]
) -> None:
    page = visit()
    site.answers.append(Answer(503, {"Retry-After": "3"}))
    with page.expect_response("**/p/v1/batch") as answer:
        page.evaluate("personalization.track('Product Added', {n: 1})")
    answer.value.finished()
    page.goto(site.url + "/?next")
    site.wait_for(lambda: len(added(site)) == 2)
    refused, accepted = (post for post in site.posts() if any(map(bought, post.batch)))
    assert accepted.at - refused.at >= 3
    assert accepted.batch[0] == refused.batch[0]
    assert accepted.batch[-1]["type"] == "page"


def test_the_queue_is_bounded(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    page.context.set_offline(True)
    page.evaluate("for (let n = 0; n < 150; n++) personalization.track('Product Added', {n})")
    page.goto("about:blank")
    page.context.set_offline(False)
    page.goto(site.url)
    site.wait_for(lambda: 149 in added(site))
    # The newest hundred; the time that the visitor was engaged may be among them.
    first = added(site)[0]
    assert 50 <= first <= 60
    assert added(site) == list(range(first, 150))
