from __future__ import annotations

import pytest
from django.utils import translation

from personalization.ml.history import History, Step
from personalization.ml.serving.reasons import LAST, Reason, leading, led_by
from tests.ml.serving.making import item

ITEMS = {key: item(key) for key in ("shoe", "sock", "hat")}


def steps(*pairs: tuple[str, str]) -> History:
    return History(
        steps=tuple(Step(item=key, at=at, kind=kind) for at, (key, kind) in enumerate(pairs))
    )


def test_the_last_items_may_be_named_each_once():
    viewed = [(f"item-{n}", "Product Viewed") for n in (1, 2, 3, 4, 3)]
    named = leading(steps(*viewed))
    assert [step.item for step in named] == ["item-3", "item-4", "item-2"]
    assert len(named) == LAST


def test_that_an_item_was_bought_counts_before_that_it_was_looked_at():
    history = steps(("shoe", "Order Completed"), ("shoe", "Product Viewed"))
    assert [step.kind for step in leading(history)] == ["Order Completed"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("Product Viewed", "Because you looked at The shoe"),
        ("Product Added", "Because you chose The shoe"),
        ("Order Completed", "Because you bought The shoe"),
    ],
)
def test_the_words_say_what_was_done(kind, words):
    reason = led_by(
        "sock", leading(steps(("shoe", kind))), similar={"shoe": {"sock": 0.5}}, items=ITEMS
    )
    assert str(reason) == words


def test_the_step_that_says_most_is_named():
    history = leading(steps(("shoe", "Product Viewed"), ("hat", "Product Viewed")))
    similar = {"shoe": {"sock": 0.9}, "hat": {"sock": 0.2}}
    reason = led_by("sock", history, similar=similar, items=ITEMS)
    assert reason is not None
    assert reason.item is ITEMS["shoe"]
    faded = {"shoe": {"sock": 0.5}, "hat": {"sock": 0.5}}
    latest = led_by("sock", history, similar=faded, items=ITEMS)
    assert latest is not None
    assert latest.item is ITEMS["hat"]


def test_what_no_step_leads_to_has_no_such_reason():
    history = leading(steps(("shoe", "Product Viewed")))
    assert led_by("sock", history, similar={"shoe": {"hat": 1.0}}, items=ITEMS) is None
    assert led_by("sock", [], similar={}, items=ITEMS) is None


def test_an_item_that_is_gone_is_not_named():
    history = leading(steps(("gone", "Product Viewed")))
    assert led_by("sock", history, similar={"gone": {"sock": 1.0}}, items=ITEMS) is None


def test_words_come_in_the_language_of_the_page():
    with translation.override("en"):
        assert str(Reason("popular")) == "Popular now"
    assert str(Reason("viewed", item("100%d off"))) == "Because you looked at The 100%d off"
