"""The rule editor as a shop owner uses it: by mouse, by keyboard, without JavaScript."""

from __future__ import annotations

import json

import pytest

from personalization.rules.parse import parse
from personalization.segments.models import Segment
from tests.admin.browsing import browser, edit
from tests.admin.rules import CART, did, group, in_segment, prop, rule, trait

__all__ = ["browser", "edit"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shop(make_visitor):
    """Five visitors; two left shoes in the cart."""
    return [
        make_visitor(("Product Added", 2, {"category": "shoes"}), identity="left-shoes"),
        make_visitor(("Product Added", 3, {"category": "shoes"})),
        make_visitor(("Product Added", 3, {"category": "bags"}), ("Order Completed", 1)),
        make_visitor(("Product Added", 40)),
        make_visitor(),
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


def tab_to(editor, label: str) -> None:
    for _ in range(200):
        editor.page.keyboard.press("Tab")
        text = editor.page.evaluate(
            "(e => e.getAttribute('aria-label') || e.value || e.innerText)(document.activeElement)"
        )
        if text == label:
            return
    raise AssertionError(f"“{label}” cannot be reached by Tab")


def test_a_rule_is_built_by_keyboard_alone(edit, shop):
    editor = edit().open()
    keys = editor.page.keyboard
    keys.type("Busy cart")  # the admin puts the focus on the first field
    tab_to(editor, "Add a condition")
    keys.press("Enter")
    assert editor.focus == "What the condition is about"
    keys.type("added a product to the cart")
    assert editor.focus == "What the condition is about"
    assert editor.rule["root"]["rules"][0]["event"] == "Product Added"
    tab_to(editor, "Number of times")
    keys.press("Control+a")
    keys.type("1")
    tab_to(editor, "Add a group")
    keys.press("Enter")
    assert editor.focus == "What the condition is about"
    keys.type("ordered")
    keys.press("Shift+Tab")
    assert editor.focus == "How many must hold"
    keys.type("none")
    assert editor.settle().rule["root"]["rules"][1]["not"] is True
    assert editor.count == "3 of 5 visitors match right now (60.0 %)"
    tab_to(editor, "Save")
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
    editor.control("1", "Time").select_option("between")
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


# -- problems -----------------------------------------------------------------------------------


def test_a_problem_is_shown_at_its_line_and_tied_to_its_control(edit, make_segment):
    nested = rule(did("Engaged"), group(did("Page Viewed"), did("Cart Viewed")))
    editor = edit().open(make_segment("mine", nested).pk)
    number = editor.control("2.2", "Number of times")
    number.fill("5000")
    assert editor.count.startswith("Line 2.2 needs attention")
    assert number.get_attribute("aria-invalid") == "true"
    described = number.get_attribute("aria-describedby")
    problem = editor.page.locator(f"#{described}")
    assert problem.inner_text() == "A whole number from 0 to 1000 is needed here. Found: 5000."
    assert editor.line("2.2").locator(f"#{described}").count() == 1
    assert editor.page.locator(".pz-problems p").count() == 1
    number.fill("5")
    assert "match" in editor.count
    assert number.get_attribute("aria-invalid") is None
    assert editor.page.locator(".pz-problems p").count() == 0


def test_a_rule_that_was_refused_is_still_there_with_its_problems(edit, make_segment):
    segment = make_segment("mine", CART)
    editor = edit().open(segment.pk)
    editor.control("1", "Number of times").fill("-3")
    editor.save()
    editor.settle()
    assert "Line 1:" in editor.page.locator(".errorlist").first.inner_text()
    assert editor.control("1", "Number of times").input_value() == "-3"
    assert "from 0 to 1000" in editor.line("1").locator(".pz-problems").inner_text()
    segment.refresh_from_db()
    assert segment.rule == CART


def test_a_circle_is_shown_at_the_line_that_closes_it(edit, make_segment):
    first = make_segment("first", CART)
    make_segment("second", rule(in_segment("first")))
    editor = edit().open(first.pk)
    editor.control("1", "What the condition is about").select_option("segment")
    names = editor.control("1", "Segment").locator("option").all_inner_texts()
    assert names == ["Second"], "a segment is not offered itself"
    assert "circle" in editor.settle().line("1").locator(".pz-problems").inner_text()


def test_an_old_answer_never_replaces_a_newer_one(edit, make_segment, shop):
    editor = edit().open(make_segment("mine", rule(did("Product Added"))).pk)
    held = []
    editor.page.route("**/rule/preview/", lambda route: held.append(route))
    editor.control("1", "Number of times").fill("2")
    editor.page.wait_for_timeout(500)
    editor.page.unroute("**/rule/preview/")
    editor.control("1", "Number of times").fill("0")
    assert editor.count.startswith("5 of 5")
    for route in held:
        route.abort()
    editor.page.wait_for_timeout(300)
    assert editor.count.startswith("5 of 5")


def test_what_goes_wrong_on_the_way_is_said(edit, make_segment):
    editor = edit().open(make_segment("mine", CART).pk)
    number = editor.control("1", "Number of times")
    editor.page.route("**/rule/preview/", lambda route: route.abort())
    number.fill("2")
    assert editor.count == "The server cannot be reached."
    editor.page.unroute("**/rule/preview/")
    editor.page.route("**/rule/preview/", lambda route: route.fulfill(status=500, body="oops"))
    number.fill("3")
    assert editor.count == "The server has failed. Its log says why."
    editor.page.unroute("**/rule/preview/")
    editor.page.context.clear_cookies(name="sessionid")
    number.fill("4")
    assert editor.count in (
        "You are signed out: sign in again.", "You may not do this, or you are signed out.",
    )  # fmt: skip
    assert editor.rule["root"]["rules"][0]["value"] == 4


# -- round trip ---------------------------------------------------------------------------------

WHOLE = rule(
    {**did("Product Added", 2, last="PT36H", where=group(
        prop("category", "in", ["shoes, boots", " x "]),
        group(prop("price", ">=", 9.5), prop("gift", "=", False), combinator="or", negated=True),
    )), "id": "a1", "scope": "profile"},
    {**did("Order Completed", 0, operator="="), "window": {
        "from": "2026-01-31T08:00:00.123456+02:00", "to": "2026-03-01",
    }},
    {"combinator": "or", "rules": [
        trait("plan", "!=", "pro"), {"kind": "trait", "field": "age", "operator": "is not set"},
        trait("address.city", "contains", "größe"), did("Never Heard Of"),
    ], "id": "g"},
    {"kind": "consent", "purpose": "marketing"},
    {"kind": "feature", "field": "orders.count", "operator": "not in", "value": [1, 2.5]},
    in_segment("guests"),
    negated=True,
)  # fmt: skip


def test_what_the_editor_can_show_is_written_back_unchanged(edit, make_segment):
    parse(WHOLE)
    make_segment("guests")
    editor = edit().open(make_segment("whole", WHOLE).pk)
    assert editor.page.locator(".pz-notice").is_hidden()
    mode = editor.page.get_by_label("How many must hold").first
    mode.select_option("any")
    assert editor.rule != WHOLE
    mode.select_option("notall")
    assert editor.rule == WHOLE


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
    rule({**did("Engaged"), "scope": "visit"}),
    rule({**did("Engaged"), "aggregate": "sum", "prop": "seconds"}),
    rule({**did("Engaged"), "window": {"last": "P2D", "until": "P1D"}}),
    rule({**did("Engaged"), "where": group(did("Engaged"))}),
    rule({"kind": "sequence", "steps": []}),
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
    names = trial.get_by_label("Visitors seen last").locator("option").all_inner_texts()
    assert "Anonymous left-sho" in names
    trial.get_by_label("Visitors seen last").select_option(label="Anonymous left-sho")
    verdict.get_by_text("does not match").wait_for()


# -- for everybody ------------------------------------------------------------------------------


def test_every_control_has_a_name_and_every_state_fits_a_phone(edit, make_segment):
    make_segment("guests")
    editor = edit(viewport={"width": 390, "height": 844}).open(make_segment("whole", WHOLE).pk)
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
