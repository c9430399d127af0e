"""Files, versions and webhooks as somebody uses them, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from personalization.segments.models import Segment, Webhook
from tests.admin.browsing import browser, edit
from tests.admin.rules import CART, did, rule
from tests.segments.receiving import receiver

__all__ = ["browser", "edit", "receiver"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]


def test_people_are_put_in_from_a_file(edit: Any, make_segment: Any, make_profile: Any) -> None:
    segment = make_segment("vips")
    make_profile(identity="visitor-of-ann")
    editor = edit()
    page = editor.page
    page.goto(editor.url + reverse("admin:personalization_segment_change", args=[segment.pk]))
    page.get_by_role("link", name="Put in from a file").click()
    file = {"name": "a.csv", "mimeType": "text/csv", "buffer": b"visitor-of-ann\nnobody\n"}
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Put them in").click()
    page.wait_for_selector("text=What became of it")
    page.wait_for_load_state()  # the rows too: a heading is there before them
    assert page.locator(".pz-table tbody tr").all_inner_texts() == [
        "2\tNobody is known as “nobody”."
    ]
    page.get_by_role("link", name="Back to the segment").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="Download as CSV").click()
    assert started.value.suggested_filename == "vips.csv"
    assert "visitor-of-ann" in started.value.path().read_text()


def test_an_earlier_rule_is_looked_at_and_taken_back(edit: Any, make_segment: Any) -> None:
    segment = make_segment("cart", CART)
    segment.rule = rule(did("Product Viewed", 3))
    segment.save()
    editor = edit().open(segment.pk).settle()  # SQLite cannot count and answer at once
    page = editor.page
    page.get_by_role("link", name="2 versions").click()
    page.get_by_role("link", name="What changed since version 1").click()
    page.wait_for_load_state()
    assert page.locator("ins").inner_text().strip().endswith("viewed a product at least 3 times")
    assert page.locator("del").count() == 3
    page.get_by_role("link", name="All versions").click()
    page.get_by_role("button", name="Back to version 1").click()
    page.wait_for_selector("text=The rule is again that of version 1.")
    assert editor.settle().rule == CART
    assert Segment.objects.get(pk=segment.pk).versions.count() == 3


def test_a_webhook_is_made_tested_and_signed_anew(
    edit: Any, receiver: Any, make_segment: Any
) -> None:
    editor = edit()
    page = editor.page
    page.goto(editor.url + reverse("admin:personalization_webhook_add"))
    page.get_by_label("Name").fill("CRM")
    page.get_by_label("URL").fill(receiver.url)
    editor.save()
    secret = page.locator(".pz-key").inner_text()
    assert secret == Webhook.objects.get().secret
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("button", name="Send a test").click()
    page.wait_for_selector("text=The test arrived: it answered 200.")
    assert len(receiver.received) == 1
    page.get_by_role("link", name="New secret").click()
    page.get_by_role("button", name="Make a new secret").click()
    assert page.locator(".pz-key").inner_text() != secret
