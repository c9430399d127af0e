"""From a new page to two visitors who see two things, in a browser, under the page cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from personalization.segments.models import Segment
from tests.contrib.looking import look, photograph
from tests.contrib.wagtail.building import block, make_page, publish, serials_in, words_in
from tests.contrib.wagtail.editor import Editor
from tests.contrib.wagtail.site.models import ScratchPage
from tests.delivery.people import make_person, make_segments

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

#: Where the first variant of the first block of a page is.
VARIANT = "body-0-value-variants-0-value"


def test_from_a_new_page_to_two_visitors_who_see_two_things(
    site: str, browser: Browser, editor: Editor
) -> None:
    make_segments("loyal", "new")
    above = publish(ScratchPage(title="Above", slug="above"))
    editor.open(site + reverse("wagtailadmin_pages:add", args=["scratch", "scratchpage", above.pk]))
    editor.page.fill("#id_title", "Page")
    editor.add("body", "Offer")
    editor.page.fill("[name=body-0-value-slot]", "hero")
    editor.choose(f"{VARIANT}-segments", "loyal")
    editor.write(f"{VARIANT}-content", "Welcome back")
    editor.write("body-0-value-default", "Hello")
    photograph(editor.page, "wagtail-filled")
    editor.preview("", "Hello")
    editor.preview("segment:loyal", "Welcome back")
    assert editor.closed() == "hero: loyal"
    editor.send("Publish")

    above.refresh_from_db()
    (page,) = above.get_children()
    loyal, unknown = make_person("loyal"), None
    seen = [look(browser, site + page.url, who) for who in (loyal, unknown, loyal, unknown)]
    assert [words_in(html) for html in seen] == [["Welcome back"], ["Hello"]] * 2
    assert [serials_in(html) for html in seen[2:]] == [serials_in(html) for html in seen[:2]]


def test_who_edits_something_else_keeps_segments_that_are_off_or_gone(
    site: str, editor: Editor
) -> None:
    make_segments("loyal", "new")
    page = make_page(block({"loyal+off+gone": "Welcome back"}))
    Segment.objects.create(slug="off", name="Summer", active=False)
    edit = site + reverse("wagtailadmin_pages:edit", args=[page.pk])
    editor.open(edit)
    photograph(editor.page, "wagtail-gone")
    assert editor.boxes(f"{VARIANT}-segments") == {
        "loyal": True,
        "new": False,
        "Summer, which is switched off": True,
        "“gone”, which does not exist any more": True,
    }
    editor.page.fill("[name=body-0-value-default-0-value]", "Good morning")
    editor.send("Publish")
    page.refresh_from_db()
    (shown,) = page.body
    assert shown.value["default"][0].value == "Good morning"
    assert shown.value["variants"][0]["segments"] == ["loyal", "off", "gone"]

    editor.open(edit)
    editor.page.locator(f"input[name={VARIANT}-segments][value=gone]").uncheck()
    editor.send("Save draft")
    page.refresh_from_db()
    draft = page.get_latest_revision_as_object()
    assert draft.body[0].value["variants"][0]["segments"] == ["loyal", "off"]


def test_editors_are_told_of_a_slot_that_is_there_twice(site: str, editor: Editor) -> None:
    make_segments("loyal")
    page = make_page(block({"loyal": "one"}), block({"loyal": "two"}, slot="second"))
    editor.open(site + reverse("wagtailadmin_pages:edit", args=[page.pk]))
    editor.page.fill("[name=body-1-value-slot]", "hero")
    editor.send("Publish")
    told = editor.page.locator("#panel-child-content-body-section, #body-root").first.inner_text()
    photograph(editor.page, "wagtail-twice")
    assert "Two blocks here are of the slot “hero”." in told
