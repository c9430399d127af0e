from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.tracker.stub_site import Site, html, send_now

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


# Not for the session: Playwright keeps an event loop running, and Django refuses database
# work of other tests beside one.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser is installed (looked for {', '.join(BROWSERS)})")
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.pages["/"] = html()
    yield site
    site.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context()
    yield context
    context.close()


@pytest.fixture
def agree(context: BrowserContext, site: Site) -> Callable[..., None]:
    """Sets the visitor's recorded answer."""

    def agree(answer: str = "1.analytics-personalization") -> None:
        context.add_cookies([{"name": "pz_consent", "value": answer, "url": site.url}])

    return agree


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab in which no script may fail and nothing may offend the content policy."""
    complaints: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda line: "Content Security Policy" in line.text and complaints.append(line.text),
    )
    yield page
    assert complaints == []


@pytest.fixture
def visit(page: Page, site: Site, agree: Callable[..., None]) -> Callable[..., Page]:
    """Opens a page as a visitor who agreed, and waits for its view to arrive."""

    def visit(path: str = "/") -> Page:
        agree()
        page.goto(site.url + path)
        send_now(page)
        site.wait_for(lambda: site.events("page") and site.manifests() and site.all_answered())
        # What the manifest names is listened to now, also what comes with the second file.
        page.wait_for_load_state("networkidle")
        return page

    return visit
