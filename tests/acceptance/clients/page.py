"""A page of the shop in Chromium, with Segment's browser library as its package ships it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from tests.acceptance.clients.installed import node_folder
from tests.browser.conftest import FLAGS

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: What a person's browser says; a headless one is taken for a robot, by our site too.
AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)
HTML = b"""<!doctype html>
<title>Shop</title>
<link rel="icon" href="data:,">
<script src="/bundle/index.js"></script>
<p>Shoes</p>
"""
LOAD = """([key, site, options]) => {
  const { AnalyticsBrowser } = AnalyticsNext;
  window.analytics = AnalyticsBrowser.load({ writeKey: key, cdnURL: site }, options);
}"""
#: Make calls at once and wait for what the library promises, but not for ever: it keeps
#: no promise while its settings cannot be read.
CALLS = """([name, calls]) => Promise.race([
  Promise.all(calls.map(call => window.analytics[name](...call))).then(() => true),
  new Promise(done => setTimeout(done, 5000, false)),
])"""


class Shop:
    """The open page."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def agree(self, *purposes: str) -> None:
        """Answer the question for consent, as the banner does."""
        self._page.evaluate(
            """purposes => fetch("/p/consent/", {
                method: "POST",
                headers: {"Content-Type": "application/json"},
                body: JSON.stringify({purposes}),
            }).then(response => { if (!response.ok) throw response.status })""",
            list(purposes),
        )

    def load(self, key: str, site: str, options: dict[str, Any] | None = None) -> None:
        self._page.evaluate(LOAD, [key, site, options or {}])

    def call(self, name: str, *parameters: Any) -> bool:
        """Make a call of the library; return whether it says that it is done with it."""
        return self.call_at_once(name, [list(parameters)])

    def call_at_once(self, name: str, calls: list[list[Any]]) -> bool:
        return bool(self._page.evaluate(CALLS, [name, calls]))

    def wait(self, milliseconds: float) -> None:
        self._page.wait_for_timeout(milliseconds)

    def wait_until(self, done: Callable[[], object], *, patience: int = 20) -> None:
        """Let the page live until `done`; `patience` is in seconds."""
        for _ in range(patience * 10):
            if done():
                return
            self.wait(100)
        raise AssertionError(f"waited in vain for {patience} s")


def pages() -> dict[str, tuple[str, bytes]]:
    """Return what a server has to have: path → content type and body.

    :raises NotInstalled: when the library cannot be had on this machine.
    """
    bundle = node_folder() / "@segment" / "analytics-next" / "dist" / "umd"
    scripts = {
        f"/bundle/{file.name}": ("text/javascript", file.read_bytes())
        for file in bundle.glob("*.js")
    }
    return {"/shop": ("text/html", HTML), **scripts}


@contextmanager
def shop(origin: str, *, chromium: str) -> Iterator[Shop]:
    """Open the page; nothing of Django's may be asked before it is closed again."""
    with sync_playwright() as playwright:
        flags = [*FLAGS, "--disable-blink-features=AutomationControlled"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_context(user_agent=AGENT, locale="de-AT").new_page()
        page.goto(f"{origin}/shop?utm_source=news&q=shoes")
        yield Shop(page)
        browser.close()
