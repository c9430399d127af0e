"""In a browser: what is sent of who has not answered, and that nothing is left behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from personalization.ingest.audience_models import AudienceCount
from tests import machine
from tests.conftest import BROWSER
from tests.in_flight import settle
from tests.tracker.conftest import FLAGS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.tracker.django_site"),
]

Visit = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    flags = [*FLAGS, "--disable-blink-features=AutomationControlled"]
    # Playwright keeps an event loop running, which makes Django expect async code.
    with pytest.MonkeyPatch.context() as patch, playwright.sync_playwright() as run:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = run.chromium.launch(executable_path=machine.chromium(), args=flags)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(user_agent=BROWSER)
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, live_server: Any, settings: Any) -> Visit:
    """Look at the page; return the views that were sent."""
    settings.PERSONALIZATION_PRIVACY = "exempt"

    def visit(*, script: str = "", **options: Any) -> list[dict[str, Any]]:
        page: Page = context.new_page()
        sent: list[dict[str, Any]] = []
        answers: list[int] = []

        def note(response: Any) -> None:
            if response.url.endswith("/v1/audience"):
                answers.append(response.status)
                sent.append(json.loads(response.request.post_data))

        page.on("response", note)
        if script:
            page.add_init_script(script)
        page.goto(live_server.url, **options)
        settle(page)
        assert set(answers) <= {204}
        return sent

    return visit


def counted() -> dict[str, int]:
    return dict(AudienceCount.objects.filter(kind="total").values_list("name", "views"))


def test_a_view_is_sent_and_nothing_is_left_in_the_browser(
    visit: Visit, context: BrowserContext
) -> None:
    assert visit() == [{"path": "/", "referrer": ""}]
    assert counted() == {"": 1}
    assert context.cookies() == []
    stored = "[localStorage.length, sessionStorage.length]"
    assert context.pages[0].evaluate(stored) == [0, 0]


def test_who_led_here_is_sent_by_the_host_alone(visit: Visit) -> None:
    assert visit(referer="https://news.example/about/jane?q=1")[0]["referrer"] == "news.example"
    assert list(AudienceCount.objects.filter(kind="referrer").values_list("name", "views")) == [
        ("news.example", 1)
    ]


@pytest.mark.parametrize("answer", ["1.", "1.analytics", "0.marketing"])
def test_who_has_answered_sends_nothing(
    visit: Visit, context: BrowserContext, live_server: Any, answer: str
) -> None:
    context.add_cookies([{"name": "pz_consent", "value": answer, "url": live_server.url}])
    assert visit() == []


GPC = "Object.defineProperty(navigator, 'globalPrivacyControl', { get: () => true })"
DNT = "Object.defineProperty(navigator, 'doNotTrack', { get: () => '1' })"


@pytest.mark.parametrize("signal", [GPC, DNT])
def test_a_browser_that_objects_sends_nothing(visit: Visit, signal: str) -> None:
    assert visit(script=signal) == []


@pytest.mark.parametrize("signal", [GPC, DNT])
def test_unless_the_site_does_not_heed_that(visit: Visit, settings: Any, signal: str) -> None:
    settings.PERSONALIZATION_SIGNALS = "ignore"
    assert len(visit(script=signal)) == 1


def test_a_driven_browser_says_so_and_is_not_counted(visit: Visit) -> None:
    driven = "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => true })"
    assert visit(script=driven) == [{"path": "/", "referrer": "", "automated": True}]
    assert counted() == {}


def test_elsewhere_nothing_is_sent(visit: Visit, settings: Any) -> None:
    settings.PERSONALIZATION_PRIVACY = "standard"
    assert visit() == []
