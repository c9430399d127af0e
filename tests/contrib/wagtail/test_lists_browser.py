"""From a new page with a list to visitors who see their own, in a browser, under the page cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.test import override_settings
from django.urls import reverse

from personalization.ml.serving import shelf
from tests.calm import CALM
from tests.contrib.items import (
    OWN,
    POPULAR,
    draw_items,
    headings,
    make_shop,
    make_shopper,
    opened,
    titles,
)
from tests.contrib.looking import look, photograph
from tests.contrib.wagtail.building import listed, publish
from tests.contrib.wagtail.editor import Editor
from tests.contrib.wagtail.site.models import PlainPage
from tests.in_flight import settle

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _calm() -> Iterator[None]:
    with override_settings(PERSONALIZATION_RECOMMENDATIONS=CALM):
        yield


def test_from_a_new_page_to_two_visitors_who_see_two_lists(
    site: str, browser: Browser, editor: Editor
) -> None:
    make_shop()
    draw_items()
    above = publish(PlainPage(title="Above", slug="above"))
    editor.open(site + reverse("wagtailadmin_pages:add", args=["scratch", "plainpage", above.pk]))
    editor.page.fill("#id_title", "Page")
    editor.add("body", "Recommended items")
    assert editor.page.locator("[name=body-0-value-limit]").input_value() == "6"
    for name, value in [("place", "my place"), ("limit", "2"), ("heading", "Picked for you")]:
        editor.page.locator(f"[name=body-0-value-{name}]").fill(value)
    editor.page.locator("[name=body-0-value-mode]").select_option("inline")
    editor.send("Publish")
    told = editor.page.locator("#panel-child-content-body-section, #body-root").first.inner_text()
    photograph(editor.page, "wagtail-list-refused")
    assert "The place is 'my place'; 1 to 50 letters, digits, - and _ are needed." in told
    editor.page.locator("[name=body-0-value-place]").fill("home")
    editor.page.get_by_role("button", name="Toggle preview").click()
    frame = editor.page.frame_locator("#w-preview-iframe")
    frame.locator(".pz-recommendations").wait_for()
    html = frame.locator("body").inner_html()
    assert (headings(html), titles(html)) == (["Picked for you"], POPULAR)
    photograph(editor.page, "wagtail-list-preview")
    assert editor.closed() == "home: Picked for you"
    editor.send("Publish")

    above.refresh_from_db()
    (page,) = above.get_children()
    shopper = make_shopper()
    seen = [look(browser, site + page.url, who) for who in (shopper, None, shopper, None)]
    assert [titles(html) for html in seen] == [OWN, POPULAR] * 2


def test_a_page_that_was_kept_empty_has_the_own_list_and_its_heading_once_there_is_one(
    site: str, browser: Browser
) -> None:
    body = [listed(heading="Picked for you", mode="deferred")]
    url = site + publish(PlainPage(title="Page", slug="page", body=body)).url
    assert titles(look(browser, url, None)) == []  # and so it is kept
    make_shop()
    draw_items()
    shelf.forget()
    with opened(browser, url, None) as stranger:
        settle(stranger)
        assert not stranger.get_by_role("heading", name="Picked for you").is_visible()
    with opened(browser, url, make_shopper()) as tab:
        tab.locator(".pz-recommendations").wait_for()
        settle(tab)
        assert titles(tab.content()) == OWN
        assert tab.get_by_role("heading", name="Picked for you").is_visible()
        photograph(tab, "wagtail-list-filled")
        tab.wait_for_function("() => window.personalization?.q?.length === 1")
        [[_, name, said, _]] = tab.evaluate("personalization.q")
        assert (name, said["place"], said["items"]) == ("Recommendation Shown", "home", OWN)
