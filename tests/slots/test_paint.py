"""What a visitor sees first, and that nothing moves: a real site, measured in the browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from personalization.events.models import Event, Source
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.testing import drain
from tests.conftest import BROWSER
from tests.delivery.people import Person, make_person, make_segments, make_slot, make_variation
from tests.slots.pages import BELOW, FOR_A
from tests.slots.site import Site, agree, block, decision, html

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from pytest_django.live_server_helper import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.slots.pages"),
]

HERO = "[data-personalization-slot=hero]"
#: Notes what stands at the place of the slot in every frame, and whatever moves.
MEASURE = """
window.frames_seen = [];
window.shifts = [];
new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((e) => e.value)))
  .observe({ type: "layout-shift", buffered: true });
const look = () => {
  const first = document.querySelector("body p");
  if (first && window.frames_seen.at(-1) !== first.innerText) {
    window.frames_seen.push(first.innerText);
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


@pytest.fixture
def person(settings: Any, make_source: Callable[..., Source]) -> Person:
    make_source(kind=Source.Kind.BROWSER, write_key="tracker-key")
    settings.PERSONALIZATION_TRACKER_KEY = "tracker-key"
    make_segments("a")
    make_slot("hero")
    person = make_person("a")
    key = Key(Identity.ANONYMOUS, person.visitor_id)
    granted = frozenset({"analytics", "personalization"})
    record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=timezone.now())
    return person


@pytest.fixture
def visitor(browser: Browser, live_server: LiveServer, person: Person) -> Iterator[Page]:
    """The browser of somebody in the segment."""
    context = browser.new_context(user_agent=BROWSER, viewport={"width": 1000, "height": 800})
    context.add_cookies(
        [
            {"name": name, "value": value, "url": live_server.url}
            for name, value in person.cookies.items()
        ]
    )
    page = context.new_page()
    page.add_init_script(MEASURE)
    yield page
    context.close()


def fill(page: Page, url: str, text: str) -> None:
    """Open a page until its slot is filled: a server that has just begun may be too slow."""
    for _ in range(20):
        page.goto(url)
        settle(page)
        if text in page.locator(HERO).inner_text():
            return
    raise AssertionError(f"{url} never showed {text!r} in time")


def arrived(page: Page, message_id: str | None) -> Event:
    """Wait for an event; SQLite may have refused it once, and the tracker takes its time."""
    for _ in range(300):
        drain()
        if event := Event.objects.filter(name="Slot Shown", message_id=message_id).first():
            return event
        page.wait_for_timeout(200)
    raise AssertionError(f"{message_id} never arrived")


def settle(page: Page) -> None:
    """Wait for the deadline of slots and for the frames after it."""
    page.wait_for_timeout(900)


def shift(page: Page) -> float:
    return float(page.evaluate("window.shifts.reduce((sum, one) => sum + one, 0)"))


def seen(page: Page) -> list[str]:
    found: list[str] = page.evaluate("window.frames_seen")
    return found


@pytest.mark.parametrize(
    "page_name", ["inline", pytest.param("keyed", marks=pytest.mark.slow), "cached/keyed"]
)
def test_what_the_server_decides_is_there_at_the_first_paint(
    visitor: Page, live_server: LiveServer, page_name: str
) -> None:
    for _ in range(2):  # the second one out of the cache, where there is one
        visitor.goto(f"{live_server.url}/{page_name}/")
        settle(visitor)
        assert seen(visitor) == ["for a"]
        assert shift(visitor) == 0


def test_a_deferred_slot_with_reserved_space_moves_nothing(
    visitor: Page, live_server: LiveServer
) -> None:
    fill(visitor, f"{live_server.url}/deferred/", "for a")
    assert seen(visitor)[-1] == "for a"
    assert set(seen(visitor)) <= {"everybody", "for a"}
    assert shift(visitor) == 0


@pytest.mark.parametrize("options", ["deferred reserve=12", "deferred"])
def test_the_measure_finds_what_moves_where_no_space_is_reserved(
    site: Site, page: Page, options: str
) -> None:
    """After a default that was certainly painted; so the test above could fail."""
    site.decisions["hero"] = decision("template:0:a")
    site.open.clear()
    site.pages["/"] = html(block(variants=FOR_A, options=options) + BELOW)
    page.add_init_script(MEASURE)
    agree(page, site)
    page.goto(site.url)
    page.wait_for_function("() => window.frames_seen.includes('everybody')")
    page.wait_for_timeout(200)
    site.open.set()
    page.locator(HERO).get_by_text("for a").wait_for()
    page.wait_for_timeout(300)
    assert seen(page) == ["everybody", "for a"]
    assert (shift(page) == 0) is ("reserve" in options)


@pytest.mark.slow
def test_a_deferred_page_is_the_same_file_for_everybody(
    visitor: Page, browser: Browser, live_server: LiveServer
) -> None:
    """Kept once, for the first of them; both see their own."""
    stranger = browser.new_context(user_agent=BROWSER).new_page()
    first = stranger.goto(f"{live_server.url}/cached/deferred/")
    second = visitor.goto(f"{live_server.url}/cached/deferred/")
    assert first is not None
    assert second is not None
    assert first.text() == second.text()
    assert "set-cookie" not in first.headers
    assert "cookie" not in second.headers.get("vary", "").lower()
    assert "private" not in second.headers.get("cache-control", "")
    fill(visitor, f"{live_server.url}/cached/deferred/", "for a")
    settle(stranger)
    assert stranger.locator(HERO).inner_text() == "everybody"
    stranger.context.close()


def test_what_was_seen_arrives_as_an_event_with_the_id_of_its_decision(
    visitor: Page, live_server: LiveServer
) -> None:
    make_variation("a", '<p>from the admin <a href="#x">more</a></p>')
    fill(visitor, f"{live_server.url}/deferred/", "from the admin")
    decision_id = visitor.locator(HERO).get_attribute("data-personalization-decision")
    visitor.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    shown = arrived(visitor, decision_id)
    assert shown.properties["slot"] == "hero"
    assert shown.properties["variation"].startswith("variation:")
    assert shown.properties["decision_id"] == decision_id
    assert (shown.properties["probability"], shown.properties["reason"]) == (1, "segment")
