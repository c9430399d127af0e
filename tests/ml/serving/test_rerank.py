from __future__ import annotations

from decimal import Decimal

import pytest

from personalization.ml.history import History, Step, history_of
from personalization.ml.serving.policy import Policy
from personalization.ml.serving.rerank import (
    Rule,
    known_items,
    may_be_listed,
    pinned,
    price_range,
    weighed,
)
from personalization.ml.serving.shelf import shelf_of
from tests.ml.serving.making import candidates, item, keys

GUIDE = item("guide", kind="article", category="help", tags=("free", "long"))
WATCH = item("watch", kind="product", category="luxury", price=Decimal("900.00"))
STRAP = item("strap", kind="product", category="parts", price=Decimal(20), tags=("long",))
SCORED = candidates((GUIDE, 0.9), (WATCH, 0.5), (STRAP, 0.4))


def rule(action, target, value, **fields):
    return Rule(action=action, target=target, value=value, **fields)


@pytest.mark.parametrize(
    ("target", "value", "found"),
    [
        ("item", "watch", {"watch"}),
        ("kind", "product", {"watch", "strap"}),
        ("category", "help", {"guide"}),
        ("tag", "long", {"guide", "strap"}),
        ("price", "20-100", {"strap"}),
        ("price", "500–", {"watch"}),
        ("price", "–900", {"watch", "strap"}),
        ("price", "20", {"strap"}),
        ("category", "nothing", set()),
        ("item", "nothing", set()),
    ],
)
def test_a_rule_is_about_the_items_that_fit(target, value, found):
    shelf = shelf_of([GUIDE, WATCH, STRAP])
    one = rule("boost", target, value)
    assert set(one.keys(shelf)) == found
    assert {each.key for each in shelf.items.values() if one.matches(each)} == found


@pytest.mark.parametrize("value", ["cheap", "20-10", "-", "", "–", "-5-10", "nan", "10-20-30"])
def test_a_range_that_is_none_is_refused_by_its_name(value):
    with pytest.raises(ValueError, match="is no range of prices"):
        price_range(value)


def test_what_is_boosted_comes_sooner_and_what_is_buried_later():
    boosted = weighed(SCORED, rules=[rule("boost", "category", "luxury", factor=2.0)])
    assert keys(boosted) == ["watch", "guide", "strap"]
    buried = weighed(SCORED, rules=[rule("bury", "kind", "article", factor=3.0)])
    assert keys(buried) == ["watch", "strap", "guide"]


def test_rules_about_one_item_add_up():
    both = [
        rule("boost", "kind", "product", factor=4.0),
        rule("bury", "category", "luxury", factor=10.0),
    ]
    assert keys(weighed(SCORED, rules=both)) == ["strap", "guide", "watch"]


def test_without_rules_equal_scores_are_in_the_order_of_their_keys():
    assert keys(weighed(candidates((WATCH, 1), (GUIDE, 1)), rules=[])) == ["guide", "watch"]


def test_what_is_excluded_or_of_another_kind_is_not_listed():
    excluding = [rule("exclude", "tag", "long")]
    assert not may_be_listed(STRAP, policy=Policy(), rules=excluding)
    assert may_be_listed(WATCH, policy=Policy(), rules=excluding)
    assert not may_be_listed(GUIDE, policy=Policy(kinds=("product",)), rules=[])
    assert may_be_listed(GUIDE, policy=Policy(kinds=("product", "article")), rules=[])


def test_what_the_visitor_knows_is_left_out_as_the_policy_says():
    history = History(
        steps=(Step(item="watch", at=1, kind="Product Viewed"),
               Step(item="strap", at=2, kind="Order Completed"))
    )  # fmt: skip
    assert known_items(history, Policy(seen="hide")) == {"watch", "strap"}
    assert known_items(history, Policy(seen="bought")) == {"strap"}
    assert known_items(history, Policy(seen="keep")) == set()
    assert known_items(history_of(), Policy()) == set()


def test_the_best_fitting_item_is_pinned_to_its_position():
    places = pinned(SCORED, rules=[rule("pin", "kind", "product", position=2)], n=3)
    assert {at: one.item.key for at, one in places.items()} == {2: "watch"}


def test_two_pins_for_one_position_stand_next_to_each_other():
    rules = [rule("pin", "kind", "product", position=1), rule("pin", "category", "parts")]
    places = pinned(SCORED, rules=rules, n=3)
    assert {at: one.item.key for at, one in places.items()} == {1: "watch", 2: "strap"}


def test_an_item_is_pinned_once_and_never_beyond_the_list():
    rules = [rule("pin", "item", "watch"), rule("pin", "item", "watch", position=2)]
    assert {at: one.item.key for at, one in pinned(SCORED, rules=rules, n=3).items()} == {
        1: "watch"
    }
    assert pinned(SCORED, rules=[rule("pin", "item", "watch", position=9)], n=3) == {}
