"""The main job, end to end: what a visitor does changes what the visitor sees.

A real server, a real worker and a real browser. With PERSONALIZATION_SCREENSHOTS
naming a folder, the pages are photographed on the way.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import Demo

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE = 30_000  # milliseconds; how long a loaded machine may take, not what is promised


def photograph(page: Page, name: str) -> None:
    folder = os.environ.get("PERSONALIZATION_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def wait_for(page: Page, holds: Callable[[], bool]) -> None:
    """Reload the page until `holds`; the worker runs beside the browser."""
    for _ in range(PATIENCE // 200):
        if holds():
            return
        page.wait_for_timeout(200)
        page.reload()
    raise AssertionError(f"{page.url} never showed what was waited for")


def hero(page: Page) -> str | None:
    return page.locator("[data-hero]").first.get_attribute("data-hero")


def banner_is_open(page: Page) -> bool:
    return page.locator("#personalization-consent").is_visible()


def test_a_full_cart_changes_the_home_page_and_the_admin_says_why(
    demo: Demo, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)

    visit_without_consent(page, demo)
    assert context.cookies() == []
    agree(page)
    visitor = [cookie for cookie in context.cookies() if cookie["name"] == "pz_id"]
    assert [cookie["httpOnly"] for cookie in visitor] == [True]

    put_boots_into_the_cart(page, demo)
    page.goto(demo.url)
    wait_for(page, lambda: hero(page) == "cart-abandoners")
    photograph(page, "demo-hero")
    assert complaints == []

    ask_the_admin_why(context.new_page(), demo)

    withdraw(page, demo)
    page.goto(demo.url)
    assert hero(page) == "default"
    assert "pz_id" not in {cookie["name"] for cookie in context.cookies()}
    assert complaints == []
    assert demo.stop() == 0


def visit_without_consent(page: Page, demo: Demo) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(f"{request.method} {request.url}"))
    page.goto(demo.url)
    page.wait_for_selector("#personalization-consent:not([hidden])")
    photograph(page, "consent-banner")
    assert hero(page) == "default"
    page.locator(".departments a").first.click()
    page.wait_for_load_state("networkidle")
    assert [request for request in requests if request.startswith("POST")] == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def agree(page: Page) -> None:
    page.get_by_role("button", name="Accept all").click()
    page.wait_for_selector("#personalization-consent", state="hidden")


def put_boots_into_the_cart(page: Page, demo: Demo) -> None:
    page.goto(demo.url)
    page.locator(".departments a").first.click()
    page.locator(".cards a").first.click()
    page.get_by_role("button", name="Add to cart").click()
    page.wait_for_url("**/cart/**")
    photograph(page, "cart")


def ask_the_admin_why(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "admin")
    page.click("[type=submit]")
    page.goto(f"{demo.url}/admin/personalization/segment/")
    photograph(page, "admin-segments")
    page.get_by_role("link", name="Cart abandoners").click()
    page.locator(".pz-preview").get_by_text("added a product to the cart").wait_for()
    photograph(page, "rule-editor")
    page.goto(f"{demo.url}/admin/personalization/profile/")
    page.locator("#result_list tbody tr a").first.click()
    page.wait_for_selector("text=Cart abandoners")
    photograph(page, "profile")


def withdraw(page: Page, demo: Demo) -> None:
    page.get_by_role("link", name="Privacy choices").click()
    page.wait_for_selector("#personalization-consent:not([hidden])")
    page.get_by_role("button", name="Refuse all").click()
    page.wait_for_selector("#personalization-consent", state="hidden")


def test_without_javascript_the_visitor_can_answer_and_the_page_is_whole(
    demo: Demo, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(demo.url)
    assert hero(page) == "default"
    page.locator(".pz-consent-link a").click()
    page.get_by_role("button", name="Accept all").click()
    assert page.url.rstrip("/") == demo.url
    assert "pz_id" in {cookie["name"] for cookie in context.cookies()}
