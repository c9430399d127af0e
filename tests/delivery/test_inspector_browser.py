"""The bar and the panel as staff use them, in a real browser and under a strict policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from personalization.events.models import BufferedBatch
from tests.admin.browsing import REPORT, browser, under_policy
from tests.admin.rules import CART, rule, trait
from tests.delivery.people import make_slot
from tests.delivery.staff import give, staff_client, ticket_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.delivery.staff_site"),
]

SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    // The panel may fill itself later than input excuses; what moves in it is not the page.
    const ofPage = entry.sources.some(({ node }) => node?.getRootNode() === document);
    if (!entry.hadRecentInput && ofPage) window.shifted += entry.value;
  }
}).observe({ type: "layout-shift", buffered: true });
"""
SOURCE = (
    "<!doctype html><html><head><title>x</title>{% personalization_tracker %}</head><body>"
    '<main><p id="said">{% personalized_block "hero" %}default{% variant "cart" %}your cart'
    '{% variant "gold" %}gold{% endpersonalized_block %}</p></main></body></html>'
)
HOSTILE = "* { color: red !important; font-size: 40px !important; display: inline !important }"

Look = Callable[..., Any]


@pytest.fixture
def segments(make_segment: Any) -> Any:
    make_slot()
    return {
        "cart": make_segment("cart", CART, name="Cart abandoners"),
        "gold": make_segment("gold", rule(trait("plan", "=", "gold")), name="Gold"),
    }


@pytest.fixture
def look(live_server: Any, browser: Browser) -> Iterator[Look]:
    """Return what opens a page of the site as staff; at the end nothing may have gone wrong."""
    pages: list[Page] = []
    complaints: list[str] = []

    def make(source: str = SOURCE, *, ticket: Any = None, options: Any = None) -> Page:
        client, user = staff_client()
        give(client, ticket_for(user, **(ticket or {})))
        context = browser.new_context(**(options or {}))
        context.add_cookies(
            [
                {"name": name, "value": morsel.value, "url": live_server.url}
                for name, morsel in client.cookies.items()
            ]
        )
        context.add_init_script(REPORT + SHIFTS)
        page = context.new_page()
        page.route("**/*", under_policy)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        pages.append(page)
        page.goto(f"{live_server.url}/page/?source={quote(source)}")
        return page

    yield make
    for page in pages:
        complaints += page.evaluate("window.violations ?? []")
        page.unroute_all(behavior="ignoreErrors")
        page.context.close()
    assert complaints == []


def opened(page: Page) -> Page:
    page.get_by_role("button", name="Why?").first.click()
    page.wait_for_selector("#panel details")
    return page


def test_staff_see_as_whom_they_look_and_end_it(look: Look, segments: Any) -> None:
    page = look(ticket={"segments": (segments["cart"].pk,)})
    assert page.locator("#said").inner_text() == "your cart"
    assert page.get_by_text("You see this page as somebody in Cart abandoners").is_visible()
    page.get_by_role("button", name="End preview").click()
    page.wait_for_load_state()
    assert page.locator("#said").inner_text() == "default"
    assert page.locator("#personalization-inspector").count() == 0


def test_a_slot_is_explained_down_to_the_values_of_its_rules(look: Look, segments: Any) -> None:
    page = opened(look(ticket={"kind": "visitor", "segments": (segments["cart"].pk,)}))
    panel = page.locator("#panel")
    assert "added a product to the cart" in panel.locator("ol").first.inner_text()
    panel.locator("summary").first.click()
    page.wait_for_selector("#panel .segment")
    cart, gold = panel.locator(".segment").all()
    assert cart.inner_text().split("\n")[0] == "in"
    assert gold.inner_text().split("\n")[0] == "not in"
    gold.get_by_role("button", name="Why?").click()
    page.wait_for_selector("text=What would change it:")
    answer = panel.locator(".answer").inner_text()
    assert "plan" in answer
    assert "gold" in answer


def test_it_is_used_by_keyboard_alone(look: Look, segments: Any) -> None:
    page = look()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel details")
    focused = "document.getElementById('personalization-inspector').shadowRoot.activeElement"
    assert page.evaluate(f"{focused}.id") == "panel"
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel .segment")
    page.keyboard.press("Escape")
    page.wait_for_selector("#panel", state="hidden")
    assert page.evaluate(f"{focused}.className") == "open"
    assert page.evaluate(f"{focused}.getAttribute('aria-expanded')") == "false"


def test_styles_of_the_page_do_not_reach_it_nor_its_own_the_page(
    look: Look, segments: Any, live_server: Any
) -> None:
    page = opened(look())
    assert page.locator("#said").evaluate("e => getComputedStyle(e).marginTop") == "16px"
    page.evaluate(
        "css => { const sheet = new CSSStyleSheet(); sheet.replaceSync(css);"
        " document.adoptedStyleSheets = [sheet]; }",
        HOSTILE,
    )
    style = page.locator("#panel h2").evaluate(
        "e => { const s = getComputedStyle(e); return [s.fontSize, s.display]; }"
    )
    assert style == ["15px", "block"]


def test_the_page_stays_where_it_is(look: Look, segments: Any) -> None:
    page = look()
    top = page.locator("#said").bounding_box()
    opened(page)
    page.wait_for_timeout(200)
    assert page.locator("#said").bounding_box() == top
    assert page.evaluate("window.shifted") == 0


@pytest.mark.parametrize("width", [320, 375])
def test_it_fits_a_phone(look: Look, segments: Any, width: int) -> None:
    options = {"viewport": {"width": width, "height": 640}, "has_touch": True}
    page = opened(look(options=options))
    page.locator("#panel summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator("#panel").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] >= 0
    assert page.get_by_role("button", name="End preview").bounding_box()["height"] >= 32


def test_it_is_dark_where_the_visitor_likes_it_dark(look: Look, segments: Any) -> None:
    page = opened(look(options={"color_scheme": "dark"}))
    colour = page.locator("#panel").evaluate("e => getComputedStyle(e).backgroundColor")
    assert colour == "rgb(26, 30, 34)"


def test_without_javascript_the_bar_is_there_and_ends_it(look: Look, segments: Any) -> None:
    page = look(ticket={"segments": (segments["cart"].pk,)}, options={"java_script_enabled": False})
    assert page.get_by_text("You see this page as somebody in Cart abandoners").is_visible()
    assert not page.get_by_role("button", name="Why?").is_visible()
    page.get_by_role("button", name="End preview").click()
    page.wait_for_load_state()
    assert "default" in page.locator("#said").inner_text()


def test_the_tracker_sends_nothing_from_a_preview(look: Look, segments: Any, settings: Any) -> None:
    page = look(ticket={"segments": (segments["cart"].pk,)})
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else 0)
    page.context.add_cookies(
        [{"name": "pz_consent", "value": "1.analytics-personalization", "url": page.url}]
    )
    page.reload()
    page.evaluate("window.personalization.track('Product Viewed', {})")
    page.evaluate("window.dispatchEvent(new Event('pagehide'))")
    page.wait_for_timeout(300)
    assert [url for url in sent if "/p/" in url] == []
    assert not BufferedBatch.objects.exists()


def test_slots_that_the_browser_fills_are_explained_too(look: Look, segments: Any) -> None:
    source = SOURCE.replace('"hero"', '"hero" deferred')
    page = opened(look(source, ticket={"segments": (segments["cart"].pk,)}))
    page.locator("#panel summary").first.click()
    page.wait_for_selector("#panel .segment")
    assert "By the browser, after the page" in page.locator("#panel .body").first.inner_text()
    assert "Cart abandoners" in page.locator("#panel summary").first.inner_text()


def test_a_page_without_slots_says_so(look: Look) -> None:
    page = look("<html><body><p id='said'>x</p></body></html>")
    page.get_by_role("button", name="Why?").click()
    page.wait_for_selector("text=This page asks nothing about its visitor")
