"""From an empty editor to a page that differs: built, counted, explained, saved, back-filled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from personalization.delivery import published
from personalization.segments.models import Segment
from personalization.segments.refresh import refresh_segments
from personalization.testing import drain
from tests.admin.browsing import Editor, browser, edit
from tests.admin.rules import did, group, rule
from tests.conftest import BROWSER
from tests.ingest.sending import consent

__all__ = ["browser", "edit"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.admin.shop_site"),
]

#: Put something into the cart in the last 24 hours, and did not order.
BUILT = rule(
    did("Product Added", last="PT24H"),
    group(did("Order Completed", last="P30D"), combinator="or", negated=True),
)


@pytest.fixture(autouse=True)
def _nothing_kept_from_the_test_before() -> Iterator[None]:
    published.forget()
    cache.clear()
    yield
    published.forget()


@pytest.fixture
def visitor(live_server: Any, browser: Any) -> Iterator[Any]:
    """The page of the shop, in the browser of somebody who put something into the cart."""
    client = Client()
    consent(client, "analytics", "personalization")
    client.post("/add/")
    drain()
    context = browser.new_context(user_agent=BROWSER)  # a headless one sees the default
    context.add_cookies(
        [
            {"name": name, "value": cookie.value, "url": live_server.url}
            for name, cookie in client.cookies.items()
        ]
    )
    page = context.new_page()
    page.goto(live_server.url)
    yield page
    context.close()


def build_by_mouse(editor: Editor) -> None:
    editor.page.get_by_label("Name:").fill("Interested")
    editor.button("Add a condition").click()
    editor.control("1", "What the condition is about").select_option("event:Product Added")
    editor.control("1", "Length of time").fill("24")
    editor.control("1", "Unit of time").select_option("hours")
    editor.button("Add a group").click()
    editor.page.get_by_label("How many must hold").nth(1).select_option("none")
    editor.control("2.1", "What the condition is about").select_option("event:Order Completed")


def build_by_keyboard(editor: Editor) -> None:
    keys = editor.page.keyboard
    keys.type("Interested")  # the admin puts the focus on the first field
    editor.tab_to("Add a condition")
    keys.press("Enter")
    keys.type("added a product to the cart")
    editor.tab_to("Length of time")
    keys.press("Control+a")
    keys.type("24")
    keys.press("Tab")
    keys.type("hours")
    editor.tab_to("Add a group")
    keys.press("Enter")
    keys.type("ordered")
    keys.press("Shift+Tab")
    keys.type("none")


@pytest.mark.parametrize(
    "build", [pytest.param(build_by_mouse, marks=pytest.mark.slow), build_by_keyboard]
)
def test_a_rule_is_built_counted_explained_saved_and_acts(
    edit: Callable[..., Editor], visitor: Any, build: Callable[[Editor], None]
) -> None:
    assert visitor.inner_text("body") == "for everybody"
    editor = edit(viewport={"width": 1280, "height": 1000}).open()
    build(editor)
    assert editor.settle().rule == BUILT
    assert editor.count == "1 of 1 visitor matches right now (100.0 %)"
    assert editor.sentence == (
        "Visitors who added a product to the cart in the last 24 hours "
        "and never ordered in the last 30 days."
    )
    explain(editor)
    save(editor, keys=build is build_by_keyboard)
    assert Segment.objects.get().rule == BUILT

    visitor.reload()
    assert visitor.inner_text("body") == "for everybody", "nobody has been back-filled"
    refresh_segments(now=timezone.now())
    visitor.reload()
    assert visitor.inner_text("body") == "still thinking it over?"


def explain(editor: Editor) -> None:
    """Try the one visitor, by keyboard."""
    keys = editor.page.keyboard
    editor.tab_to("Try a visitor")
    keys.press("Enter")
    editor.page.locator(".pz-trial option").nth(1).wait_for(state="attached")
    editor.tab_to("Visitors seen last")
    keys.press("ArrowDown")
    trial = editor.page.locator(".pz-trial .pz-verdict")
    trial.get_by_text("matches", exact=True).wait_for()
    assert "once in that time, most recently" in trial.inner_text()
    assert "Leaves on" in trial.inner_text()
    assert "Each of these would take them out:" in trial.inner_text()


def save(editor: Editor, *, keys: bool) -> None:
    if not keys:
        editor.save()
        return
    editor.tab_to("Save")
    editor.page.keyboard.press("Enter")
    editor.page.wait_for_url("**/segment/")
