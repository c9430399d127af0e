"""Views of pages that change without being loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.tracker.stub_site import Site, html, send_now

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# The tracker lets a router set the title before it reports the view.
SETTLED = 120


def paths(site: Site) -> list[str]:
    return [event["properties"]["url"].removeprefix(site.url) for event in site.events("page")]


def test_a_pushed_state_is_a_view(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    page.evaluate("history.pushState({}, '', '/shoes'); document.title = 'All shoes'")
    page.wait_for_timeout(SETTLED)
    page.evaluate("personalization.track('Clicked')")
    page.evaluate("history.back()")
    site.wait_for(lambda: paths(site) == ["/", "/shoes", "/"])
    second, third = site.events("page")[1:]
    assert second["properties"]["title"] == "All shoes"
    assert second["properties"]["referrer"] == site.url + "/"
    assert third["properties"]["referrer"] == site.url + "/shoes"
    assert site.events("Clicked")[0]["context"]["page"]["path"] == "/shoes"


def test_a_redirect_within_the_page_is_one_view(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    page.evaluate("history.pushState({}, '', '/old'); history.pushState({}, '', '/new')")
    site.wait_for(lambda: paths(site) == ["/", "/new"])


def test_a_state_without_another_address_is_no_view(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    page.evaluate("history.pushState({step: 2}, ''); history.replaceState({}, '', '/#top')")
    page.evaluate("location.hash = 'reviews'")
    page.wait_for_timeout(SETTLED)
    send_now(page)
    assert paths(site) == ["/"]


@pytest.mark.parametrize("route", ["#/cart", "#!/cart"])
def test_a_route_in_the_hash_is_a_view(site: Site, visit: Callable[..., Page], route: str) -> None:
    page = visit()
    page.evaluate("route => { location.hash = route }", route)
    site.wait_for(lambda: paths(site) == ["/", "/" + route])


def test_the_page_gets_its_own_errors_back(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    failed = page.evaluate(
        "try { history.pushState({}, '', 'https://elsewhere.example/') } catch (e) { e.name }"
    )
    assert failed == "SecurityError"


def test_a_page_view_by_hand_is_not_repeated(site: Site, visit: Callable[..., Page]) -> None:
    page = visit()
    page.evaluate("history.pushState({}, '', '/cart'); personalization.page('Cart')")
    page.wait_for_timeout(SETTLED)
    send_now(page)
    site.wait_for(lambda: len(paths(site)) > 1)
    assert paths(site) == ["/", "/cart"]


def test_marked_views_and_scroll_depth_start_anew(site: Site, visit: Callable[..., Page]) -> None:
    site.pages["/"] = html('<p data-personalization-view="Product Viewed">Shoe</p>')
    page = visit()
    page.evaluate("dispatchEvent(new Event('scroll'))")
    page.evaluate("history.pushState({}, '', '/shoes')")
    page.wait_for_timeout(SETTLED)
    page.evaluate("dispatchEvent(new Event('scroll'))")
    one_view = ["page", "Product Viewed", *["Scroll Depth Reached"] * 4]
    site.wait_for(lambda: site.names() == one_view * 2)


def test_a_page_from_the_back_forward_cache_is_a_new_view_of_the_same(
    site: Site, visit: Callable[..., Page]
) -> None:
    site.pages["/"] = html('<p data-personalization-view="Order Completed">Thanks</p>')
    page = visit()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    site.wait_for(lambda: paths(site) == ["/", "/"])
    first, second = site.events("page")
    assert first["messageId"] != second["messageId"]
    assert site.names() == ["page", "Order Completed", "page"]
