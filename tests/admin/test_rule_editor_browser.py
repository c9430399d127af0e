"""The rule editor as a shop owner uses it: by mouse, by keyboard, without JavaScript."""

from __future__ import annotations

import pytest

from personalization.segments.models import Segment
from tests.admin.browsing import browser, edit, shop
from tests.admin.rules import CART, EVERY, WHOLE, did, group, in_segment, prop, rule, trait

__all__ = ["browser", "edit", "shop"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]


# -- building a rule ----------------------------------------------------------------------------


def test_a_rule_is_built_by_mouse_and_comes_back_as_it_was(edit, shop):
    editor = edit(viewport={"width": 1280, "height": 1000}).open()
    editor.page.get_by_label("Name:").fill("Left their shoes")
    editor.button("Cart abandoners", exact=False).click()
    assert editor.count == "2 of 5 visitors match right now (40.0 %)"
    assert editor.sentence.startswith("Visitors who added a product to the cart")

    editor.button("Add a condition on the properties of condition 1").click()
    editor.control("1 where 1", "Property").select_option("category")
    editor.control("1 where 1", "Value").fill("bags")
    assert editor.count == "0 of 5 visitors match right now (0.0 %)"
    editor.control("1 where 1", "Value").fill("shoes")
    editor.control("1", "Length of time").fill("2")
    editor.control("1", "Unit of time").select_option("weeks")
    assert editor.count == "2 of 5 visitors match right now (40.0 %)"
    assert "in the last 2 weeks where category is shoes" in editor.sentence
    built = editor.rule
    editor.save()

    segment = Segment.objects.get()
    assert (segment.slug, segment.rule) == ("left-their-shoes", built)
    editor.open(segment.pk)
    assert editor.rule == built
    assert editor.control("1", "Unit of time").input_value() == "weeks"
    assert editor.control("1 where 1", "Value").input_value() == "shoes"
    assert editor.count == "2 of 5 visitors match right now (40.0 %)"


def test_a_rule_is_built_by_keyboard_alone(edit, shop):
    editor = edit().open()
    keys = editor.page.keyboard
    keys.type("Busy cart")  # the admin puts the focus on the first field
    editor.tab_to("Add a condition")
    keys.press("Enter")
    assert editor.focus == "What the condition is about"
    keys.type("added a product to the cart")
    assert editor.focus == "What the condition is about"
    assert editor.rule["root"]["rules"][0]["event"] == "Product Added"
    editor.tab_to("Number of times")
    keys.press("Control+a")
    keys.type("1")
    editor.tab_to("Add a group")
    keys.press("Enter")
    assert editor.focus == "What the condition is about"
    keys.type("ordered")
    keys.press("Shift+Tab")
    assert editor.focus == "How many must hold"
    keys.type("none")
    assert editor.settle().rule["root"]["rules"][1]["not"] is True
    assert editor.count == "3 of 5 visitors match right now (60.0 %)"
    editor.tab_to("Save")
    keys.press("Enter")
    editor.page.wait_for_url("**/segment/")
    assert Segment.objects.get().rule == editor_rule()


def editor_rule():
    return rule(
        did("Product Added", last="P30D"),
        group(did("Order Completed", last="P30D"), combinator="or", negated=True),
    )


def test_the_focus_is_never_lost(edit, make_segment):
    segment = make_segment("three", rule(did("Engaged"), did("Page Viewed"), did("Cart Viewed")))
    editor = edit().open(segment.pk)
    keys = editor.page.keyboard
    editor.button("Move condition 3 up").focus()
    keys.press("Enter")
    assert editor.focus == "Move condition 2 up"
    keys.press("Enter")
    assert editor.focus == "Move condition 1 down", "the top line cannot go up"
    assert [leaf["event"] for leaf in editor.rule["root"]["rules"]] == [
        "Cart Viewed", "Engaged", "Page Viewed",
    ]  # fmt: skip
    editor.button("Remove condition 3").focus()
    keys.press("Enter")
    assert editor.focus == "Remove condition 2"
    keys.press("Enter")
    keys.press("Enter")
    assert editor.page.evaluate("document.activeElement.innerText") == "Add a condition"
    assert editor.rule is None
    assert "has no members" in editor.count


def test_the_last_line_of_a_group_takes_the_group_along(edit, make_segment):
    deep = rule(did("Engaged"), group(group(did("Cart Viewed"), combinator="or")))
    editor = edit().open(make_segment("deep", deep).pk)
    editor.button("Remove condition 2.1.1").click()
    assert editor.rule == rule(did("Engaged"))


def test_every_kind_of_line_can_be_made(edit, make_segment):
    make_segment("guests")
    editor = edit().open(make_segment("mine", rule(did("Engaged"))).pk)
    subject = editor.control("1", "What the condition is about")
    subject.select_option("segment")
    assert editor.rule == rule(in_segment("guests"))
    subject.select_option("consent")
    editor.control("1", "Purpose").select_option("analytics")
    assert editor.rule == rule({"kind": "consent", "purpose": "analytics"})
    subject.select_option("feature:orders.revenue")
    editor.control("1", "Value").fill("99.5")
    assert editor.rule == rule(
        {"kind": "feature", "field": "orders.revenue", "operator": ">=", "value": 99.5}
    )
    subject.select_option("trait:plan")
    editor.control("1", "Comparison").select_option("in")
    value = editor.control("1", "Add a value, then press Enter")
    value.press_sequentially("pro,team")
    value.press("Enter")
    value.press_sequentially("gone")
    value.press("Enter")
    value.press("Backspace")
    assert editor.rule == rule(trait("plan", "in", ["pro", "team"]))
    editor.button("Remove pro").click()
    editor.control("1", "Comparison").select_option("is set")
    assert editor.rule == rule({"kind": "trait", "field": "plan", "operator": "is set"})
    assert editor.settle().sentence == "Visitors whose plan is known."


def test_what_a_line_was_comes_back_when_it_is_chosen_again(edit, make_segment):
    make_segment("guests")
    stored = rule(did("Product Added", 4, last="PT5H", where=group(prop("price", "<", 9))))
    editor = edit().open(make_segment("mine", stored).pk)
    subject = editor.control("1", "What the condition is about")
    subject.focus()
    subject.select_option("segment")
    subject.select_option("feature:orders.count")
    subject.select_option("event:Product Viewed")
    expected = did("Product Viewed", 4, last="PT5H", where=group(prop("price", "<", 9)))
    assert editor.rule == rule(expected)
    assert editor.focus == "What the condition is about"
    assert "viewed a product" in editor.sentence


def test_names_nobody_has_listed_can_be_typed(edit, make_segment):
    editor = edit().open(make_segment("mine", rule(did("Engaged"))).pk)
    subject = editor.control("1", "What the condition is about")
    subject.focus()
    subject.select_option("event:")
    assert editor.focus == "What the condition is about", "arrow keys only pass by"
    editor.page.keyboard.press("Tab")
    editor.page.keyboard.type("Tent Rented")
    editor.button("Add a condition on the properties of condition 1").click()
    assert editor.focus == "Property"
    editor.control("1 where 1", "Name of the property").fill("nights")
    editor.control("1 where 1", "Type of the value").select_option("number")
    editor.control("1 where 1", "Comparison").select_option(">")
    editor.control("1 where 1", "Value").fill("3")
    where = group(prop("nights", ">", 3))
    assert editor.rule == rule(did("Tent Rented", where=where))
    subject.select_option("trait:")
    editor.control("1", "Name of the trait").fill("shoe.size")
    assert editor.rule == rule(trait("shoe.size", "=", ""))


def test_a_typed_name_that_is_known_becomes_its_words(edit, make_segment):
    editor = edit().open(make_segment("mine", rule(did("Odd"))).pk)
    name = editor.control("1", "Name of the event")
    name.fill("Cart Viewed")
    name.press("Tab")
    subject = editor.control("1", "What the condition is about")
    assert subject.input_value() == "event:Cart Viewed"


def test_a_span_of_dates_can_be_chosen(edit, make_segment):
    editor = edit(timezone_id="America/New_York").open(
        make_segment("mine", rule(did("Engaged"))).pk
    )
    editor.control("1", "Time").select_option("dates")
    editor.control("1", "From, in UTC").fill("2026-01-31T08:00")
    editor.control("1", "To, in UTC").fill("2026-02-01T00:00:30")
    assert editor.rule["root"]["rules"][0]["window"] == {
        "from": "2026-01-31T08:00Z", "to": "2026-02-01T00:00:30Z",
    }  # fmt: skip
    assert "between 2026-01-31 08:00 UTC and 2026-02-01 00:00 UTC" in editor.sentence


def test_the_kind_by_hand_needs_no_editor(edit):
    editor = edit().open()
    assert editor.page.locator(".pz-editor").is_visible()
    editor.page.get_by_label("Kind:").select_option("manual")
    assert not editor.page.locator(".pz-editor").is_visible()
    editor.page.get_by_label("Name:").fill("Guests")
    editor.save()
    assert Segment.objects.get().kind == "manual"


# -- trying a visitor ---------------------------------------------------------------------------


def test_a_visitor_is_tried_on_the_rule_as_edited(edit, shop, make_segment):
    editor = edit().open(make_segment("mine", CART).pk)
    trial = editor.page.locator(".pz-trial")
    trial.get_by_text("Try a visitor").click()
    trial.get_by_label("Visitor", exact=True).fill("left-shoes")
    trial.get_by_label("Visitor", exact=True).press("Enter")
    verdict = trial.locator(".pz-verdict")
    verdict.get_by_text("matches", exact=True).wait_for()
    assert "once in that time, most recently 2 hours ago" in verdict.inner_text()
    editor.control("1", "Number of times").fill("2")
    verdict.get_by_text("does not match").wait_for()
    trial.get_by_label("Visitor", exact=True).fill("nobody")
    trial.get_by_role("button", name="Try").click()
    verdict.get_by_text("Nobody is known as “nobody”.").wait_for()
    options = trial.get_by_label("Visitors seen last").locator("option")
    options.nth(1).wait_for(state="attached")
    names = options.all_inner_texts()
    assert "Anonymous left-sho" in names
    trial.get_by_label("Visitors seen last").select_option(label="Anonymous left-sho")
    verdict.get_by_text("does not match").wait_for()


# -- for everybody ------------------------------------------------------------------------------


@pytest.mark.parametrize("stored", [WHOLE, EVERY])
def test_every_control_has_a_name_and_every_state_fits_a_phone(edit, make_segment, stored):
    make_segment("guests")
    editor = edit(viewport={"width": 390, "height": 844}).open(make_segment("whole", stored).pk)
    nameless = editor.page.evaluate(
        """[...document.querySelectorAll(".pz-editor :is(input, select, button, textarea)")]
            .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim()
                             || e.labels?.length))
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert editor.page.evaluate(overflow) <= 0
    sizes = editor.page.evaluate(
        "[...document.querySelectorAll('.pz-rule :is(button, select)')]"
        ".map((e) => e.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 24


def test_ready_rules_can_be_read_on_a_phone(edit):
    editor = edit(viewport={"width": 390, "height": 844}).open()
    cut_off = editor.page.evaluate(
        """[...document.querySelectorAll(".pz-starter")]
            .filter((e) => e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1)
            .map((e) => e.textContent)"""
    )
    assert cut_off == []


def test_names_that_look_like_markup_stay_text(edit, make_segment, make_visitor):
    evil = "</script><img src=x onerror=alert(1)>"
    make_visitor((evil, 1, {evil: evil}), identity=evil)
    make_segment("guests", name=evil)
    editor = edit().open(make_segment("mine", rule(did(evil), in_segment("guests"))).pk)
    editor.page.get_by_text("Try a visitor").click()
    editor.page.get_by_label("Visitor", exact=True).fill(evil)
    editor.page.get_by_role("button", name="Try", exact=True).click()
    editor.page.locator(".pz-verdict .pz-mark").first.wait_for()
    assert editor.page.locator("img").count() == editor.page.locator("#header img").count()
    assert evil in editor.sentence
