from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

import pytest
from django.utils import translation

from personalization.ml.history import History, Step
from personalization.ml.serving.reasons import LAST, Reason, Reasons, leading, led_by
from tests.ml.serving.making import famous, item

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
        "sock", leading(steps(("shoe", kind))), led={"shoe": {"sock": 0.5}}, items=ITEMS
    )
    assert str(reason) == words


def test_the_step_that_says_most_is_named():
    history = leading(steps(("shoe", "Product Viewed"), ("hat", "Product Viewed")))
    led = {"shoe": {"sock": 0.9}, "hat": {"sock": 0.2}}
    reason = led_by("sock", history, led=led, items=ITEMS)
    assert reason is not None
    assert reason.item is ITEMS["shoe"]
    faded = {"shoe": {"sock": 0.5}, "hat": {"sock": 0.5}}
    latest = led_by("sock", history, led=faded, items=ITEMS)
    assert latest is not None
    assert latest.item is ITEMS["hat"]


def test_what_no_step_leads_to_has_no_such_reason():
    history = leading(steps(("shoe", "Product Viewed")))
    assert led_by("sock", history, led={"shoe": {"hat": 1.0}}, items=ITEMS) is None
    assert led_by("sock", [], led={}, items=ITEMS) is None


def test_an_item_that_is_gone_is_not_named():
    history = leading(steps(("gone", "Product Viewed")))
    assert led_by("sock", history, led={"gone": {"sock": 1.0}}, items=ITEMS) is None


def test_words_come_in_the_language_of_the_page():
    with translation.override("en"):
        assert str(Reason("popular")) == "Popular now"
    assert str(Reason("viewed", item("100%d off"))) == "Because you looked at The 100%d off"


@dataclass
class Due:
    """Says what share of scores a history accounts for, and what items of it add."""

    shares: Mapping[str, float]
    leads: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def best(self, n: int, *, without: Set[str] = frozenset()) -> list[tuple[str, float]]:
        raise NotImplementedError

    def best_of(self, keys: tuple[str, ...], n: int) -> list[tuple[str, float]]:
        raise NotImplementedError

    def share_of(self, key: str) -> float:
        return self.shares.get(key, 0.0)

    def led_by(self, key: str) -> Mapping[str, float]:
        return self.leads.get(key, {})


VIEWED = steps(("shoe", "Product Viewed"))


def reasons(due: Due | None, *, known: int = 0, catalogue: int = 41, page: str = "") -> Reasons:
    """Return reasons where the first `known` items of a catalogue are popular, in their order."""
    names = [f"item-{n}" for n in range(catalogue)]
    items = {key: item(key) for key in names} | ITEMS
    return Reasons(VIEWED, due, items=items, famous=famous(*names[:known]), page=page)


@pytest.mark.parametrize(("catalogue", "called"), [(7, 1), (38, 5), (160, 17), (5000, 20)])
def test_few_are_called_popular_and_of_a_small_catalogue_fewer(catalogue, called):
    why = reasons(
        Due({f"item-{n}": 0.1 for n in range(catalogue)}), known=catalogue, catalogue=catalogue
    )
    codes = [why.of(f"item-{n}").code for n in range(catalogue)]
    assert codes == ["popular"] * called + ["chosen"] * (catalogue - called)


def test_a_popular_item_has_the_reason_that_most_of_its_score_is_due_to():
    leads = {"shoe": {"item-0": 0.2, "item-30": 0.2}}
    for share, code in ((0.0, "popular"), (0.4, "popular"), (0.6, "viewed"), (1.0, "viewed")):
        why = reasons(Due({"item-0": share}, leads), known=30)
        assert why.of("item-0").code == code
    why = reasons(Due({"item-30": 0.1}, leads), known=30)
    assert why.of("item-30").code == "viewed", "one that is not popular is not called so"


def test_what_goes_with_the_page_says_so_unless_it_is_there_for_being_popular():
    leads = {"hat": {"item-0": 0.1, "item-30": 0.9}, "shoe": {"item-30": 0.9, "item-31": 0.9}}
    why = reasons(Due({"item-0": 0.3, "item-30": 0.9, "item-31": 0.9}, leads), known=30, page="hat")
    assert [(why.of(f"item-{n}").code) for n in (0, 30, 31)] == ["popular", "related", "viewed"]


def test_what_is_there_for_an_earlier_item_does_not_go_with_the_page():
    leads = {"hat": {"item-30": 0.1, "item-31": 0.1}, "shoe": {"item-30": 0.9}}
    why = reasons(Due({"item-30": 0.9, "item-31": 0.9}, leads), page="hat")
    assert str(why.of("item-30")) == "Because you looked at The shoe"
    assert str(why.of("item-31")) == "Goes with The hat"


def test_what_the_model_has_not_said_is_there_for_being_popular_or_new():
    due = Due({}, {"shoe": {"item-20": 0.5}})
    for why in (reasons(due, known=30), reasons(None, known=30)):
        assert [why.of(f"item-{n}").code for n in (0, 20, 40)] == ["popular", "popular", "new"]
        assert why.of("item-20", by_chance=True).code == "other"
        assert why.of("item-20", is_pinned=True).code == "pinned"
