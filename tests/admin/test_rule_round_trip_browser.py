"""What is stored, shown and written back by the editor: the same, or left alone."""

from __future__ import annotations

import json

import pytest

from personalization.rules.parse import parse
from personalization.segments.models import Segment
from tests.admin.browsing import browser, edit, shop
from tests.admin.rules import CART, EVERY, WHOLE, did, group, prop, rule, trait

__all__ = ["browser", "edit", "shop"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]


@pytest.mark.parametrize(("stored", "mode"), [(WHOLE, "notall"), (EVERY, "all")])
def test_what_the_editor_can_show_is_written_back_unchanged(edit, make_segment, stored, mode):
    parse(stored)
    make_segment("guests")
    editor = edit().open(make_segment("whole", stored).pk)
    assert editor.page.locator(".pz-notice").is_hidden()
    heading = editor.page.get_by_label("How many must hold").first
    heading.select_option("any")
    assert editor.rule != stored
    heading.select_option(mode)
    assert editor.rule == stored
    assert "match" in editor.count


def test_a_property_standing_alone_is_shown_as_a_line(edit, make_segment):
    alone = rule({**did("Product Added"), "where": prop("price", "<", 5)})
    parse(alone)
    editor = edit().open(make_segment("alone", alone).pk)
    editor.control("1", "Number of times").fill("2")
    assert editor.rule == rule(did("Product Added", 2, where=group(prop("price", "<", 5))))
    assert "match" in editor.count


BEYOND = [
    {"version": 2, "root": group(did("Engaged"))},
    {**rule(did("Engaged")), "note": "mine"},
    rule({**did("Engaged"), "scope": "week"}),
    rule({**did("Engaged"), "aggregate": "sum"}),
    rule({**did("Engaged"), "prop": "seconds"}),
    rule({**did("Engaged"), "window": {"last": "P2D", "until": "tomorrow"}}),
    rule({**did("Engaged"), "where": group(did("Engaged"))}),
    rule({"kind": "sequence", "steps": []}),
    rule({"kind": "sequence", "steps": [{"event": "A", "absent": True}, {"event": "B"}]}),
    rule({"kind": "sequence", "steps": [{"event": "A"}, {"event": "B", "absent": True}]}),
    rule({"kind": "recency", "event": "A", "operator": "=", "value": "P1D"}),
    rule({"kind": "context", "field": "weather", "operator": "=", "value": "rain"}),
    rule(trait("plan", "in", ["pro", 1])),
    rule(trait("plan", "=", {"deep": 1})),
    rule(group(prop("x", "=", 1))),
    ["not a rule"],
]


def test_what_the_editor_cannot_show_stays_in_the_textarea(edit, make_segment):
    segment = make_segment("odd", CART)
    Segment.objects.filter(pk=segment.pk).update(rule=BEYOND[0])
    editor = edit().open(segment.pk)
    textarea, notice = editor.page.locator("#id_rule"), editor.page.locator(".pz-notice")
    for stored in BEYOND:
        assert textarea.is_visible()
        assert editor.page.locator(".pz-rule").is_hidden()
        assert "cannot show" in notice.inner_text()
        textarea.fill(json.dumps(CART))
        textarea.blur()
        assert notice.is_hidden()
        textarea.fill(json.dumps(stored))
        textarea.blur()
        assert editor.rule == stored
    editor.save()
    assert editor.settle().rule == BEYOND[-1], "refused, and kept as it was"


def test_json_written_by_hand_becomes_lines(edit, make_segment):
    editor = edit().open(make_segment("mine", CART).pk)
    editor.page.get_by_text("The rule as JSON").click()
    textarea = editor.page.locator("#id_rule")
    textarea.fill("{")
    textarea.blur()
    assert "not valid JSON" in editor.page.locator(".pz-notice").inner_text()
    textarea.fill(json.dumps(rule(did("Cart Viewed", 7))))
    textarea.blur()
    assert editor.control("1", "Number of times").input_value() == "7"
    textarea.fill("")
    textarea.blur()
    assert editor.button("Browsers", exact=False).is_visible()


def test_without_javascript_the_textarea_does_it(edit, shop):
    editor = edit(java_script_enabled=False)
    page = editor.page
    page.goto(f"{editor.url}/admin/personalization/segment/add/")
    page.get_by_label("Name:").fill("Carts")
    page.get_by_label("Slug:").fill("carts")
    page.get_by_label("Rule:").fill(json.dumps(rule(did("Product Added", -1))))
    page.get_by_role("button", name="Save", exact=True).click()
    assert "Line 1: A whole number" in page.locator(".errorlist").inner_text()
    page.get_by_label("Rule:").fill(json.dumps(CART))
    page.get_by_role("button", name="Save", exact=True).click()
    assert Segment.objects.get().rule == CART
    page.context.close()
