"""What stands below a rule: a visitor tried, one made up, days that have passed."""

from __future__ import annotations

import pytest

from personalization.admin import rule_replay
from tests.admin.browsing import browser, edit, shop
from tests.admin.rules import CART, did, rule

__all__ = ["browser", "edit", "shop"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]


def test_a_visitor_is_told_what_would_bring_them_in(edit, shop, make_segment):
    editor = edit().open(make_segment("mine", rule(did("Product Added", 2, last="P1D"))).pk)
    trial = editor.page.locator(".pz-trial")
    trial.get_by_text("Try a visitor").click()
    trial.get_by_label("Visitor", exact=True).fill("left-shoes")
    trial.get_by_label("Visitor", exact=True).press("Enter")
    trial.get_by_text("Each of these would bring them in:").wait_for()
    assert "once more before" in trial.locator(".pz-changes li").inner_text()


def test_a_visitor_is_tried_as_if_on_a_phone(edit, shop, make_segment):
    mobile = {"kind": "context", "field": "device", "operator": "=", "value": "mobile"}
    editor = edit().open(make_segment("mine", rule(did("Product Added"))).pk)
    trial = editor.page.locator(".pz-trial")
    trial.get_by_text("Try a visitor").click()
    trial.get_by_label("Visitor", exact=True).fill("left-shoes")
    trial.get_by_label("Visitor", exact=True).press("Enter")
    trial.get_by_text("matches", exact=True).wait_for()
    assert trial.locator(".pz-as-if").is_hidden()
    editor.button("Add a condition").click()
    editor.control("2", "What the condition is about").select_option("context:device")
    assert editor.rule["root"]["rules"][1] == {**mobile, "value": "desktop"}
    trial.get_by_text("does not match").wait_for()
    trial.get_by_label("device").select_option("desktop")
    trial.get_by_text("matches", exact=True).wait_for()
    trial.get_by_label("device").select_option("mobile")
    trial.get_by_text("does not match").wait_for()
    assert "device is desktop" in trial.inner_text()


def test_made_up_visitors_follow_the_rule(edit, shop, make_segment):
    editor = edit().open(make_segment("mine", CART).pk)
    panel = editor.page.locator(".pz-witnesses")
    panel.get_by_text("Made-up visitors").click()
    panel.get_by_text("added a product to the cart", exact=False).wait_for()
    assert panel.locator(".pz-witness").count() == 2
    editor.control("1", "What the condition is about").select_option("event:Product Viewed")
    panel.get_by_text("viewed a product", exact=False).wait_for()
    assert "to the cart" not in panel.inner_text()


# -- time machine ---------------------------------------------------------------------------------


@pytest.fixture
def machine(edit, shop, make_segment):
    """The editor with the time machine open."""
    editor = edit().open(make_segment("mine", rule(did("Product Added", last="PT24H"))).pk)
    editor.panel = editor.page.locator(".pz-time-machine")
    editor.panel.get_by_text("Time machine").click()
    return editor


def test_days_that_have_passed_are_replayed(machine):
    machine.panel.get_by_label("How far back").select_option("7")
    machine.panel.get_by_role("button", name="Replay").click()
    machine.panel.get_by_text("Over the last 7 days this would have matched").wait_for()
    assert "matched 4 of 4 visitors (100.0 %)" in machine.panel.inner_text()
    picture = machine.panel.get_by_role("img")
    assert picture.get_attribute("aria-label").startswith("Entries per day; the most")
    assert picture.locator("rect").count() == 8
    told = picture.locator("title").all_text_contents()
    assert sum(int(words.split(": ")[1].split()[0]) for words in told) == 4


def test_a_replay_belongs_to_the_rule_it_was_asked_of(machine):
    machine.panel.get_by_role("button", name="Replay").click()
    machine.panel.get_by_text("Over the last 30 days").wait_for()
    machine.control("1", "Number of times").fill("2")
    machine.panel.get_by_text("The rule has changed since.").wait_for()
    machine.panel.get_by_role("button", name="Replay").click()
    machine.panel.get_by_text("matched 0 of 4 visitors").wait_for()
    assert "has changed" not in machine.panel.inner_text()


def test_a_replay_becomes_better_until_it_is_cancelled(machine, monkeypatch):
    replays = rule_replay.replays
    monkeypatch.setattr(
        rule_replay, "replays", lambda *args, **kwargs: replays(*args, **kwargs, chunk=1)
    )
    machine.panel.get_by_label("For whom").select_option("all")
    machine.panel.get_by_role("button", name="Replay").click()
    machine.panel.get_by_text("matched 4 of 4 visitors").wait_for()
    assert "so far" not in machine.panel.inner_text()
    machine.page.route("**/rule/replay/", lambda route: None)
    machine.panel.get_by_role("button", name="Replay").click()
    machine.panel.get_by_text("Working…").wait_for()
    machine.panel.get_by_role("button", name="Cancel").click()
    assert "Cancelled: this is how far it came." in machine.panel.inner_text()
    assert machine.panel.get_by_role("button", name="Replay").is_visible()


def test_an_answer_that_is_cut_off_is_no_answer(machine):
    line = '{"sentence": "So far.", "facts": [], "overlaps": [], "days": [], "finished": false}\n'
    machine.page.route(
        "**/rule/replay/", lambda route: route.fulfill(status=200, body=line + '{"sente')
    )
    machine.panel.get_by_role("button", name="Replay").click()
    machine.panel.get_by_text("The server has failed. Its log says why.").wait_for()


def test_what_looks_at_requests_is_not_replayed(machine):
    machine.control("1", "What the condition is about").select_option("context:device")
    machine.settle()
    machine.panel.get_by_role("button", name="Replay").click()
    machine.panel.get_by_text("requests are not kept").wait_for()
