"""A signed-in page in a real browser, under a policy of `default-src 'self'`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse

from tests import machine

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
POLICY = "default-src 'self'"
REPORT = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread, which makes Django expect async code.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=FLAGS)
        yield browser
        browser.close()


class Editor:
    """The page of a segment with the rule editor, as somebody uses it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, pk: int | None = None) -> Editor:
        """Open the page of a segment, or the page for a new one, and wait for the preview."""
        name, arguments = ("change", [pk]) if pk else ("add", [])
        self.page.goto(self.url + reverse(f"admin:personalization_segment_{name}", args=arguments))
        return self.settle()

    def settle(self) -> Editor:
        """Wait until what is shown is what was edited last."""
        # Not by a function: the policy forbids the browser to compile one.
        self.page.wait_for_selector(".pz-preview:not(.pz-waiting)", state="attached")
        return self

    def line(self, number: str) -> Locator:
        return self.page.get_by_role("group", name=f"Condition {number}", exact=True)

    def control(self, number: str, label: str) -> Locator:
        return self.line(number).get_by_label(label, exact=True).first

    def button(self, name: str, *, exact: bool = True) -> Locator:
        return self.page.get_by_role("button", name=name, exact=exact)

    @property
    def rule(self) -> Any:
        text = self.page.locator("#id_rule").input_value()
        return json.loads(text) if text else None

    @property
    def sentence(self) -> str:
        return self.settle().page.locator(".pz-preview .pz-sentence").inner_text()

    @property
    def count(self) -> str:
        return self.settle().page.locator(".pz-count").inner_text().strip()

    @property
    def focus(self) -> str:
        """The label of what has the focus."""
        return str(self.page.evaluate("document.activeElement.getAttribute('aria-label')"))

    def tab_to(self, name: str) -> None:
        """Press Tab until the focus is on what is called so."""
        called = (
            "(e => e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.value || e.innerText)"
            "(document.activeElement)"
        )
        for _ in range(200):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(called) == name:
                return
        raise AssertionError(f"“{name}” cannot be reached by Tab")

    def save(self) -> None:
        self.page.get_by_role("button", name="Save", exact=True).click()
        self.page.wait_for_load_state()


@pytest.fixture
def edit(live_server: Any, browser: Browser, owner: Client) -> Iterator[Callable[..., Any]]:
    """Return what opens an `Editor` in a new page; at the end nothing may have gone wrong."""
    pages: list[Page] = []
    complaints: list[str] = []

    def make(**options: Any) -> Any:
        context = browser.new_context(**options)
        session = owner.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        context.add_init_script(REPORT)
        page = context.new_page()
        page.route("**/*", under_policy)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        pages.append(page)
        return Editor(page, live_server.url)

    yield make
    for page in pages:
        if page.context.browser and not page.is_closed():
            complaints += page.evaluate("window.violations ?? []")
            page.unroute_all(behavior="ignoreErrors")
            page.context.close()
    assert complaints == []


def under_policy(route: Route) -> None:
    request = route.request
    if request.resource_type == "document" and request.method == "GET":
        response = route.fetch()
        headers = {**response.headers, "content-security-policy": POLICY}
        route.fulfill(response=response, headers=headers)
    else:
        route.continue_()


@pytest.fixture
def shop(make_visitor: Callable[..., Any]) -> list[Any]:
    """Five visitors; two left shoes in the cart."""
    return [
        make_visitor(("Product Added", 2, {"category": "shoes"}), identity="left-shoes"),
        make_visitor(("Product Added", 3, {"category": "shoes"})),
        make_visitor(("Product Added", 3, {"category": "bags"}), ("Order Completed", 1)),
        make_visitor(("Product Added", 40)),
        make_visitor(),
    ]
