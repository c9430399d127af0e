"""Ready segments in a real browser: added with a click, and no wider than a phone."""

from __future__ import annotations

import pytest
from django.urls import reverse

from personalization.segments.models import Segment
from tests.admin.browsing import browser, edit, shop

__all__ = ["browser", "edit", "shop"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]

LIST = reverse("admin:personalization_segment_changelist")


def test_a_template_is_one_click_from_the_list(edit, shop):
    editor = edit()
    editor.page.goto(editor.url + LIST)
    editor.page.get_by_role("link", name="Add from a template").click()
    editor.button("Add “Lapsed visitors”").click()
    editor.settle()
    segment = Segment.objects.get(slug="lapsed-visitors")
    assert editor.page.url.endswith(
        reverse("admin:personalization_segment_change", args=[segment.pk])
    )
    assert editor.rule == segment.rule
    assert editor.control("1", "Value").input_value() == "lapsed"
    assert "whose lifecycle stage is lapsed" in editor.sentence


@pytest.mark.parametrize("page", ["segment_templates", "interestweight_changelist"])
def test_a_phone_shows_it_without_scrolling_sideways(edit, shop, page):
    editor = edit(viewport={"width": 390, "height": 800})
    editor.page.goto(editor.url + reverse(f"admin:personalization_{page}"))
    editor.page.locator("#content-main, #changelist").first.wait_for()
    assert editor.page.evaluate("document.documentElement.scrollWidth") <= 390
