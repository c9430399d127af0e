"""What is wrong with a rule, in the editor: at its line, and never in the way."""

from __future__ import annotations

import pytest

from tests.admin.browsing import browser, edit, shop
from tests.admin.rules import CART, did, group, in_segment, rule, trait

__all__ = ["browser", "edit", "shop"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]


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


def test_what_is_odd_is_said_at_its_line_and_is_no_error(edit, make_segment):
    never = rule(did("Engaged"), group(trait("plan", "=", "pro"), trait("plan", "=", "free")))
    editor = edit().open(make_segment("mine", never).pk)
    odd = editor.page.locator(".pz-odd")
    assert odd.count() == 1
    assert "nobody can be in it" in odd.inner_text()
    assert editor.page.locator("[aria-invalid]").count() == 0
    assert editor.count.startswith("0 of 0")
    editor.control("2.2", "Value").fill("pro")
    assert "nobody can be in it" not in " ".join(
        editor.settle().page.locator(".pz-odd").all_inner_texts()
    )
