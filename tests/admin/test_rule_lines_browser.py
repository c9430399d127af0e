"""Every kind of condition as a line: made by hand, and what the server makes of it."""

from __future__ import annotations

import pytest

from tests.admin.browsing import browser, edit, shop
from tests.admin.rules import did, group, prop, rule, trait

__all__ = ["browser", "edit", "shop"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]

SUBJECT = "What the condition is about"


@pytest.fixture
def line(edit, make_segment):
    """The editor with one line, about an event."""
    return edit().open(make_segment("mine", rule(did("Order Completed", last="P30D"))).pk)


def fill(editor, number: str, **controls: str) -> None:
    for label, value in controls.items():
        editor.control(number, label.replace("_", " ")).fill(value)


def test_what_numbers_come_to_can_be_asked(line):
    line.control("1", "What is counted").select_option("sum")
    offered = line.control("1", "Property measured").locator("optgroup option")
    assert "total" in offered.all_inner_texts()
    assert "currency" not in offered.all_inner_texts(), "only numbers can be added up"
    line.control("1", "Property measured").select_option("total")
    line.control("1", "Number").fill("99.5")
    line.control("1", "How often").select_option("<")
    assert line.rule["root"]["rules"][0] == {
        "kind": "event", "event": "Order Completed", "aggregate": "sum", "prop": "total",
        "operator": "<", "value": 99.5, "window": {"last": "P30D"},
    }  # fmt: skip
    assert "total adding up to less than 99.5 in the last 30 days" in line.sentence
    line.control("1", "What is counted").select_option("days")
    leaf = line.rule["root"]["rules"][0]
    assert "prop" not in leaf
    assert leaf["value"] == 100, "days are whole"
    assert "on fewer than 100 days" in line.sentence
    line.control("1", "What is counted").select_option("distinct")
    line.control("1", "Property measured").select_option("")
    line.control("1", "Name of the property measured").fill("coupon.code")
    assert "with fewer than 100 different values of coupon.code" in line.sentence
    for measure, words in {"avg": "an average", "min": "a lowest", "max": "a highest"}.items():
        line.control("1", "What is counted").select_option(measure)
        assert words in line.sentence


def test_any_event_can_be_meant(line):
    line.control("1", SUBJECT).select_option("event:*")
    assert line.rule["root"]["rules"][0]["event"] == "*"
    assert line.sentence.startswith("Visitors who did anything")
    line.button("Add a condition on the properties of condition 1").click()
    offered = line.control("1 where 1", "Property").locator("option").all_inner_texts()
    assert {"total", "query"} <= set(offered), "properties of whatever event"


def test_a_window_can_end_before_now(line):
    line.control("1", "Time").select_option("ago")
    assert line.rule["root"]["rules"][0]["window"] == {"last": "P30D", "until": "P7D"}
    line.control("1", "Until how long ago").fill("2")
    line.control("1", "Unit of until").select_option("weeks")
    assert "between 30 days and 2 weeks ago" in line.sentence
    line.control("1", "Unit of until").select_option("hours")
    line.control("1", "Until how long ago").fill("9000")
    assert line.count.startswith("Line 1 needs attention")
    assert line.control("1", "Until how long ago").get_attribute("aria-invalid") == "true"


def test_events_can_be_those_of_this_visit(line):
    line.control("1", "Time").select_option("visit")
    leaf = line.rule["root"]["rules"][0]
    assert leaf["scope"] == "visit"
    assert "window" not in leaf
    assert line.sentence.endswith("in this visit.")
    line.button("Limit the time in the visit").click()
    assert line.focus == "Time in the visit"
    assert line.rule["root"]["rules"][0]["window"] == {"last": "PT10M"}
    assert line.sentence.endswith("in the last 10 minutes in this visit.")
    line.control("1", "Time").select_option("ever")
    assert "scope" not in line.rule["root"]["rules"][0]


def test_the_last_and_the_first_time(line):
    line.control("1", SUBJECT).select_option("recency:last")
    assert line.rule == rule(
        {
            "kind": "recency", "event": "Order Completed", "which": "last", "operator": ">",
            "value": "P30D",
        }
    )  # fmt: skip
    line.control("1", "Event").select_option("Product Viewed")
    line.control("1", "How long ago").select_option("<=")
    line.control("1", "Length of time").fill("6")
    line.control("1", "Unit of time").select_option("hours")
    assert line.sentence == "Visitors who last viewed a product at most 6 hours ago."
    line.control("1", SUBJECT).select_option("recency:first")
    assert line.sentence == "Visitors who first viewed a product at most 6 hours ago."
    line.button("Add a condition on the properties of condition 1").click()
    line.control("1 where 1", "Value").fill("shoes")
    assert line.rule["root"]["rules"][0]["where"]["rules"][0]["value"] == "shoes"


def test_how_regularly(line):
    line.control("1", SUBJECT).select_option("regularity")
    fill(line, "1", Number_of_times="2", In_how_many_of_them="5", Of_how_many="6")
    assert line.rule["root"]["rules"][0] == {
        "kind": "regularity", "event": "Order Completed", "period": "P1W", "periods": 6,
        "at_least": 5, "operator": ">=", "value": 2,
    }  # fmt: skip
    assert "at least twice in at least 5 of the last 6 periods of 1 week" in line.sentence
    fill(line, "1", In_how_many_of_them="7")
    assert line.count.startswith("Line 1 needs attention")
    invalid = line.control("1", "In how many of them").get_attribute("aria-invalid")
    assert invalid == "true"


def test_the_request_of_a_page(line):
    line.control("1", SUBJECT).select_option("context:device")
    line.control("1", "Value").select_option("mobile")
    device = {"kind": "context", "field": "device", "operator": "=", "value": "mobile"}
    assert line.rule == rule(device)
    notes = line.settle().page.locator(".pz-notes").inner_text()
    assert "left out of the number: device is mobile" in notes
    line.control("1", SUBJECT).select_option("context:hour")
    fill(line, "1", Hour_from="22", Hour_to="6")
    assert "hour of the day is from 22:00 to 6:00" in line.sentence
    fill(line, "1", Hour_to="22")
    assert line.count.startswith("Line 1 needs attention")
    assert line.control("1", "Hour from").get_attribute("aria-invalid") == "true"
    line.control("1", SUBJECT).select_option("context:weekday")
    line.control("1", "Comparison").select_option("in")
    line.page.get_by_label("Saturday").check()
    line.page.get_by_label("Sunday").check()
    line.page.get_by_label("Monday").uncheck()
    assert line.rule["root"]["rules"][0]["value"] == ["saturday", "sunday"]
    assert line.sentence == "Visitors whose day of the week is one of saturday or sunday."


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        ("starts with", "starts with pro"), ("does not end with", "does not end with pro"),
        ("matches", "matches the pattern pro"),
    ],
)  # fmt: skip
def test_texts_are_compared_by_their_ends_and_by_patterns(line, operator, words):
    line.control("1", SUBJECT).select_option("trait:plan")
    line.control("1", "Comparison").select_option(operator)
    line.control("1", "Value").fill("pro")
    assert line.rule == rule(trait("plan", operator, "pro"))
    assert line.sentence == f"Visitors whose plan {words}."


# -- sequences ----------------------------------------------------------------------------------


def step(editor, number: int, label: str):
    return editor.control(f"1 step {number}", label)


def test_a_sequence_is_put_together_step_by_step(line):
    line.control("1", SUBJECT).select_option("sequence")
    step(line, 1, "Event").select_option("Product Viewed")
    step(line, 2, "Event").select_option("Product Added")
    step(line, 2, "How soon after the step before").select_option("ever")
    line.button("Add a condition on the properties of step 1 of condition 1").click()
    line.control("1 step 1 where 1", "Property").select_option("category")
    line.control("1 step 1 where 1", "Value").fill("shoes")
    line.button("Add “then did not”").click()
    assert line.focus == "Event"
    step(line, 3, "Event").select_option("Order Completed")
    step(line, 3, "Length of time").fill("2")
    line.page.get_by_label("from first to last step within", exact=True).check()
    line.page.get_by_label("only if it happened in the last", exact=True).check()
    line.page.get_by_label("with nothing else in between", exact=True).check()
    assert line.rule["root"]["rules"][0] == {
        "kind": "sequence",
        "steps": [
            {"event": "Product Viewed", "where": group(prop("category", "=", "shoes"))},
            {"event": "Product Added"},
            {"event": "Order Completed", "absent": True, "within": "PT2H"},
        ],
        "window": "P7D", "last": "P30D", "strict": True,
    }  # fmt: skip
    assert "viewed a product where category is shoes, then added a product" in line.sentence
    assert "match" in line.count


def test_steps_are_moved_and_keep_what_their_place_asks_for(line):
    line.control("1", SUBJECT).select_option("sequence")
    line.button("Add “then did not”").click()
    line.button("Move step 3 of condition 1 up").focus()
    line.page.keyboard.press("Enter")
    first, second, third = line.rule["root"]["rules"][0]["steps"]
    assert second.get("absent") is True
    assert "within" not in second, "the steps around it bound it"
    assert third["within"] == "PT24H"
    assert line.focus == "Move step 2 of condition 1 down", "it cannot come first"
    assert line.button("Move step 2 of condition 1 up").is_disabled()
    assert line.page.locator(".pz-announce").inner_text() == "Step 3 is now step 2."
    line.page.keyboard.press("Enter")
    assert line.rule["root"]["rules"][0]["steps"][2]["within"] == "PT24H"
    assert "match" in line.count
    line.button("Remove step 1 of condition 1").click()
    steps = line.rule["root"]["rules"][0]["steps"]
    assert len(steps) == 2
    assert "within" not in steps[0]
    assert line.button("Remove step 1 of condition 1").is_disabled(), "two steps at least"


def test_a_problem_of_a_step_is_shown_at_the_step(line):
    line.control("1", SUBJECT).select_option("sequence")
    step(line, 2, "Length of time").fill("0")
    assert line.count.startswith("Line 1 step 2 needs attention")
    assert step(line, 2, "Length of time").get_attribute("aria-invalid") == "true"
    assert line.line("1 step 2").locator(".pz-problems p").count() == 1


def test_what_no_longer_is_a_length_of_time_survives_being_drawn_anew(line):
    line.control("1", "Length of time").fill("")
    line.button("Add a condition").click()
    assert line.control("1", "Length of time").input_value() == ""
    assert line.control("1", "Unit of time").input_value() == "days"
    line.control("1", "Length of time").fill("3")
    assert line.rule["root"]["rules"][0]["window"] == {"last": "P3D"}


def test_a_feature_of_few_values_offers_them(line):
    line.control("1", SUBJECT).select_option("feature:lifecycle.stage")
    line.control("1", "Value").select_option("at risk")
    stage = {"kind": "feature", "field": "lifecycle.stage", "operator": "=", "value": "at risk"}
    assert line.rule == rule(stage)
    assert "whose lifecycle stage is at risk" in line.sentence
    line.control("1", SUBJECT).select_option("feature:rfm.recency")
    assert line.rule["root"]["rules"][0]["value"] == 5
    line.control("1", "Comparison").select_option("=")
    line.control("1", "Value").select_option("3")
    assert line.rule["root"]["rules"][0]["value"] == 3, "a number stays one"
    line.control("1", "Comparison").select_option("in")
    line.page.get_by_label("4", exact=True).check()
    assert line.rule["root"]["rules"][0]["value"] == [3, 4]
    assert "whose recency score is one of 3 or 4" in line.sentence


def test_of_an_encrypted_trait_only_whether_it_is_known_can_be_asked(line, settings):
    settings.PERSONALIZATION_ENCRYPTED_TRAITS = ("phone",)
    line.page.reload()
    line.settle()
    line.control("1", SUBJECT).select_option("trait:phone")
    offered = line.control("1", "Comparison").locator("option").all_inner_texts()
    assert offered == ["is known", "is not known"]
    assert line.rule["root"]["rules"][0] == {
        "kind": "trait", "field": "phone", "operator": "is set",
    }  # fmt: skip
    assert line.page.get_by_text("(kept encrypted)").is_visible()
    assert "whose phone is known" in line.sentence
