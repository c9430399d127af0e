"""The live count and suggestions, in the browser: at once, exactly, unless somebody says stop."""

from __future__ import annotations

import json

import pytest

from personalization.admin import rule_count
from personalization.segments import estimate
from tests.admin.browsing import browser, edit, shop
from tests.admin.rules import did, prop, rule, trait

__all__ = ["browser", "edit", "shop"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]

COUNT, CANCEL = "**/rule/count/", "**/rule/cancel/"


@pytest.fixture
def crowd(shop, monkeypatch):
    """The shop, taken for one that is too large to be counted at each key."""
    monkeypatch.setattr(rule_count, "LARGE", 2)
    monkeypatch.setattr(estimate, "_sample", lambda total: [each.pk for each in shop[:3]])


@pytest.fixture
def held(edit, crowd, make_segment):
    """The editor, with requests for a count of everybody held back, and those to cancel noted."""
    editor = edit()
    editor.counts, editor.cancelled = [], []

    def cancel(route):
        editor.cancelled.append(json.loads(route.request.post_data)["ticket"])
        route.continue_()

    editor.page.route(COUNT, lambda route: editor.counts.append(route))
    editor.page.route(CANCEL, cancel)
    return editor.open(make_segment("mine", rule(did("Product Added"))).pk)


def progress(editor):
    return editor.page.locator(".pz-progress")


def wait_for_counts(editor, n: int) -> None:
    for _ in range(100):
        if len(editor.counts) >= n:
            return
        editor.page.wait_for_timeout(50)
    raise AssertionError(f"{len(editor.counts)} counts were asked for, not {n}")


def test_an_estimate_is_followed_by_a_count_of_everybody(edit, crowd, make_segment):
    editor = edit().open(make_segment("mine", rule(did("Product Added"))).pk)
    editor.page.get_by_text("4 of 5 visitors match right now (80.0 %)").wait_for()
    assert progress(editor).is_hidden()


def test_while_everybody_is_counted_the_estimate_is_shown(held):
    wait_for_counts(held, 1)
    assert held.count.startswith(("about", "at most"))
    assert "Counting everybody…" in progress(held).inner_text()
    held.counts[0].continue_()
    held.page.get_by_text("4 of 5 visitors match right now").wait_for()
    assert held.cancelled == []


def test_a_change_stops_the_count_that_runs(held):
    wait_for_counts(held, 1)
    ticket = json.loads(held.counts[0].request.post_data)["ticket"]
    held.control("1", "Number of times").fill("2")
    wait_for_counts(held, 2)
    assert held.cancelled == [ticket]
    later = json.loads(held.counts[1].request.post_data)
    assert later["ticket"] != ticket
    assert later["rule"]["root"]["rules"][0]["value"] == 2
    held.counts[1].continue_()
    held.page.get_by_text("0 of 5 visitors match right now").wait_for()


def test_a_count_is_cancelled_and_taken_up_again(held):
    wait_for_counts(held, 1)
    with held.page.expect_response(CANCEL):
        held.button("Cancel").click()
    assert "cancelled" in progress(held).inner_text()
    assert held.count.startswith(("about", "at most")), "the estimate stands"
    assert len(held.cancelled) == 1
    held.button("Count everybody").click()
    wait_for_counts(held, 2)
    held.counts[1].continue_()
    held.page.get_by_text("4 of 5 visitors match right now").wait_for()


def test_a_count_that_fails_leaves_the_estimate(held):
    wait_for_counts(held, 1)
    held.counts[0].fulfill(status=500, body="oops")
    held.page.get_by_text("The server has failed. Its log says why.").wait_for()
    assert held.count.startswith(("about", "at most"))
    assert held.button("Count everybody").is_visible()


# -- suggestions ----------------------------------------------------------------------------------


def suggestions(editor, number: str) -> list[str]:
    value = editor.control(number, "Value")
    value.focus()
    listed = value.evaluate("e => e.getAttribute('list')")
    options = editor.page.locator(f"#{listed} option")
    options.first.wait_for(state="attached")
    return [f"{option.get_attribute('value')}: {option.text_content()}" for option in options.all()]


def test_values_that_visitors_have_are_suggested(edit, shop, make_profile, make_segment):
    make_profile(traits={"plan": "pro"})
    cart = did(
        "Product Added",
        where={"combinator": "and", "not": False, "rules": [prop("category", "=", "")]},
    )
    editor = edit().open(make_segment("mine", rule(cart, trait("plan", "=", "x"))).pk)
    assert suggestions(editor, "1 where 1") == ["shoes: 2 times", "bags: 1 time"]
    assert suggestions(editor, "2") == ["pro: 1 visitor"]


def test_without_suggestions_everything_else_goes_on(edit, shop, make_segment):
    editor = edit()
    editor.page.route("**/rule/values/**", lambda route: route.fulfill(status=500, body="oops"))
    editor.open(make_segment("mine", rule(trait("plan", "=", "x"))).pk)
    editor.control("1", "Value").fill("pro")
    assert editor.rule == rule(trait("plan", "=", "pro"))
    assert editor.count.startswith("0 of 5")
