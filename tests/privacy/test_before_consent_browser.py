"""Law 6 in a real browser: what the shop leaves in it before an answer, and under a signal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from personalization.events.models import BufferedBatch, Event, Source
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Consent, ConsentRecord, Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.visitor import new_visitor_id, signed
from personalization.testing import drain
from tests.admin.browsing import browser
from tests.conftest import BROWSER
from tests.in_flight import settle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

__all__ = ["browser"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("project.urls"),
]

BANNER = "#personalization-consent"
GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"
AUTOMATED = "Object.defineProperty(Navigator.prototype, 'webdriver', {get: () => false})"
#: What a browser keeps for a site, cookies aside: those the context itself is asked for.
STORES = """async () => [
  ...Object.keys(localStorage), ...Object.keys(sessionStorage),
  ...(await indexedDB.databases()).map((each) => each.name),
  ...(await caches.keys()),
  ...(await navigator.serviceWorker.getRegistrations()).map((each) => each.scope),
]"""
#: What a page of the shop is made of.
FILES = {"document", "stylesheet", "script", "image", "font"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a browser asked for: how, as what, and where."""

    method: str
    kind: str
    url: str

    def is_a_file_of(self, host: str) -> bool:
        """Return whether it is a page of the site, or a file that is the same for everybody."""
        where = urlsplit(self.url)
        is_file = self.kind in FILES or where.path.startswith("/static/")
        return is_file and self.method == "GET" and where.netloc == host


class Tab:
    """A tab of a visitor, with all that it asked for."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url = context, url
        self.requests: list[Request] = []
        context.on("request", self._note)
        self.page: Page = context.new_page()

    def _note(self, request: Any) -> None:
        kind = request.resource_type
        self.requests.append(Request(method=request.method, kind=kind, url=request.url))

    def visit(self, path: str) -> None:
        self.page.goto(self.url + path)
        settle(self.page)

    def look_around(self) -> None:
        """Do what makes the tracker send: scroll, click, hide the page, leave it."""
        self.visit("/")
        self.page.mouse.wheel(0, 5_000)
        self.page.mouse.click(5, 300)
        self.visit("/journal/")
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        self.page.evaluate("window.dispatchEvent(new Event('pagehide'))")
        settle(self.page)

    @property
    def beyond_files(self) -> list[str]:
        """Where was asked for what no page and no file of this site is."""
        host = urlsplit(self.url).netloc
        asked = [one.url for one in self.requests if not one.is_a_file_of(host)]
        return [address.removeprefix(self.url) for address in asked]

    @property
    def cookies(self) -> dict[str, str]:
        return {each["name"]: each["value"] for each in self.context.cookies()}

    @property
    def stores(self) -> list[str]:
        return list(self.page.evaluate(STORES))

    @property
    def is_asked(self) -> bool:
        return self.page.locator(BANNER).is_visible()


@pytest.fixture
def url(live_server: LiveServer, settings: Any, make_source: Callable[..., Source]) -> str:
    """The shop, with its tracker switched on: that it sends nothing is then no accident."""
    make_source(kind=Source.Kind.BROWSER, write_key="browser-key")
    settings.PERSONALIZATION_TRACKER_KEY = "browser-key"
    # Chromium of a program says so in more ways than its name, and this is not about bots.
    settings.PERSONALIZATION_FILTER_BOTS = False
    return str(live_server.url)


@pytest.fixture
def opened(browser: Browser, url: str) -> Iterator[Callable[..., Tab]]:
    """Opens a tab; `signal` is that of a browser which objects."""
    contexts: list[BrowserContext] = []

    def opened(*, signal: bool = False) -> Tab:
        headers = {"Sec-GPC": "1"} if signal else {}
        context = browser.new_context(user_agent=BROWSER, extra_http_headers=headers)
        context.add_init_script(AUTOMATED)
        if signal:
            context.add_init_script(GPC)
        contexts.append(context)
        return Tab(context, url)

    yield opened
    for context in contexts:
        context.close()


def answered(tab: Tab, *granted: str) -> str:
    """Make the tab that of a visitor who agreed some time ago; return who that is."""
    visitor_id = new_visitor_id()
    key = Key(Identity.ANONYMOUS, visitor_id)
    record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=timezone.now())
    cookies = {"pz_id": signed(visitor_id), "pz_consent": f"1.{'-'.join(granted)}"}
    tab.context.add_cookies([{"name": n, "value": v, "url": tab.url} for n, v in cookies.items()])
    return visitor_id


def kept() -> int:
    """Have what waits processed, and count the events that are kept."""
    drain()
    return Event.objects.count() + BufferedBatch.objects.count()


# -- before an answer ------------------------------------------------------------------------


def test_before_an_answer_nothing_is_kept_or_asked_for_but_the_pages_own_files(
    opened: Callable[..., Tab],
) -> None:
    tab = opened()
    tab.look_around()
    assert tab.is_asked
    assert tab.cookies == {}
    assert tab.stores == []
    assert tab.page.evaluate("document.cookie") == ""
    assert len(tab.requests) > 5
    assert tab.beyond_files == []
    assert kept() == 0
    assert not any(each.objects.exists() for each in (Profile, Snapshot, Consent, ConsentRecord))


def test_a_no_is_all_that_the_browser_keeps(opened: Callable[..., Tab]) -> None:
    tab = opened()
    tab.visit("/")
    tab.page.click(f"{BANNER} [value=none]")
    tab.page.wait_for_selector(BANNER, state="hidden")
    tab.look_around()
    assert not tab.is_asked
    assert tab.cookies == {"pz_consent": "1."}
    assert tab.stores == []
    assert tab.beyond_files == ["/p/consent"]
    assert kept() == 0


def test_a_yes_is_what_the_tracker_waits_for(opened: Callable[..., Tab]) -> None:
    """That the others find nothing means nothing unless something is found here."""
    tab = opened()
    tab.visit("/")
    tab.page.click(f"{BANNER} [value=all]")
    tab.page.wait_for_selector(BANNER, state="hidden")
    tab.look_around()
    assert set(tab.cookies) >= {"pz_consent", "pz_id"}
    assert any(each.startswith("/p/v1/") for each in tab.beyond_files)
    assert kept() > 0


# -- a browser that objects ------------------------------------------------------------------


def test_whose_browser_objects_is_not_asked_and_leaves_nothing(opened: Callable[..., Tab]) -> None:
    tab = opened(signal=True)
    tab.look_around()
    assert not tab.is_asked
    assert tab.cookies == {}
    assert tab.stores == []
    assert tab.beyond_files == []
    assert kept() == 0


def test_an_older_yes_counts_no_more_once_the_browser_objects(opened: Callable[..., Tab]) -> None:
    tab = opened(signal=True)
    visitor_id = answered(tab, "analytics", "personalization")
    tab.look_around()
    assert not tab.is_asked
    assert tab.beyond_files == ["/p/consent"]
    assert kept() == 0
    snapshot = Snapshot.objects.get(profile__identities__value=visitor_id)
    assert not any(snapshot.consents.values())
    assert "pz_id" not in tab.cookies
    assert ConsentRecord.objects.filter(mechanism=Mechanism.SIGNAL).count() == 1


def test_a_yes_on_the_page_of_choices_counts_in_spite_of_it_until_it_is_taken_back_there(
    opened: Callable[..., Tab],
) -> None:
    tab = opened(signal=True)
    tab.visit("/p/consent/")
    assert tab.page.locator(".pz-consent-signal").is_visible()
    tab.page.click(".pz-consent-actions [value=all]")
    settle(tab.page)
    assert "signal" in tab.cookies["pz_consent"].split(".")[1].split("-")
    tab.look_around()
    assert not tab.is_asked
    assert kept() > 0

    tab.visit("/p/consent/")
    tab.page.click(".pz-consent-actions [value=none]")
    settle(tab.page)
    before = kept()
    tab.look_around()
    assert kept() == before
    assert tab.cookies == {"pz_consent": "1."}
