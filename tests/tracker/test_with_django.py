"""From a rule to what a browser listens to, and to the event that the rule is about."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from personalization.events.models import Event, Source
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity
from personalization.profiles.visitor import new_visitor_id, signed
from personalization.segments.models import Segment
from personalization.testing import drain
from tests import machine
from tests.conftest import BROWSER
from tests.in_flight import settle
from tests.rules.building import happened, rule
from tests.tracker.conftest import FLAGS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.tracker.django_site"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that looks like a visitor's: what a program sends is set aside."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    flags = [*FLAGS, "--disable-blink-features=AutomationControlled"]
    # Playwright keeps an event loop running, which makes Django expect async code.
    with pytest.MonkeyPatch.context() as patch, playwright.sync_playwright() as run:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = run.chromium.launch(executable_path=machine.chromium(), args=flags)
        yield browser
        browser.close()


def hover(browser: Browser, url: str, visitor_id: str, *, until: str) -> list[str]:
    """Visit the page as a new browser of the visitor, hover until an event has arrived, and
    return what was requested."""
    context = browser.new_context(user_agent=BROWSER)
    cookies = {"pz_id": signed(visitor_id), "pz_consent": "1.personalization"}
    context.add_cookies([{"name": n, "value": v, "url": url} for n, v in cookies.items()])
    page = context.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url.removeprefix(url)))
    page.goto(url)
    settle(page)
    arrived: list[str] = []
    page.on("response", lambda answer: answer.ok and arrived.append(answer.request.post_data or ""))
    page.hover("[data-personalization-hover]")
    for _ in range(30):  # long enough for another try, where one was refused
        if any(until in sent for sent in arrived):
            break
        page.wait_for_timeout(100)
    page.goto("about:blank")
    context.close()
    return requested


def stored(name: str, *, times: int) -> bool:
    """Have what arrived processed until so many events are stored."""
    end = time.monotonic() + 30
    while Event.objects.filter(name=name).count() < times:
        assert time.monotonic() < end, f"{name}: {Event.objects.values_list('name', flat=True)}"
        time.sleep(0.1)
        drain()
    return True


def test_pages_listen_for_hovering_while_a_rule_is_about_it(
    live_server: Any,
    browser: Browser,
    make_source: Callable[..., Source],
    make_segment: Callable[..., Segment],
    settings: Any,
) -> None:
    make_source(kind=Source.Kind.BROWSER, write_key="browser-key")
    settings.PERSONALIZATION_TRACKER_KEY = "browser-key"
    curious = make_segment("curious", rule(happened("Element Hovered")))
    visitor_id = new_visitor_id()
    record_consent(
        Key(Identity.ANONYMOUS, visitor_id),
        granted=["personalization"],
        mechanism=Mechanism.BANNER,
        now=timezone.now(),
    )

    requested = hover(browser, live_server.url, visitor_id, until="Element Hovered")
    assert "/static/personalization/tracker-more.js" in requested
    assert stored("Element Hovered", times=1)
    assert Event.objects.get(name="Element Hovered").properties["name"] == "Card"

    curious.delete()
    requested = hover(browser, live_server.url, visitor_id, until="nothing ever")
    assert "/p/v1/manifest" in requested
    assert "/static/personalization/tracker-more.js" not in requested
    assert stored("Page Viewed", times=2)
    assert Event.objects.filter(name="Element Hovered").count() == 1
