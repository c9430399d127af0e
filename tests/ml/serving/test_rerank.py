from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from personalization.ml.history import History, Step, history_of
from personalization.ml.serving import rerank
from personalization.ml.serving.policy import Policy
from personalization.ml.serving.popular import in_order
from personalization.ml.serving.rerank import Rule, known_items, listing_of, price_range
from personalization.ml.serving.shelf import shelf_of
from tests.ml.serving.making import item

GUIDE = item("guide", kind="article", category="help", tags=("free", "long"))
WATCH = item("watch", kind="product", category="luxury", price=Decimal("900.00"))
STRAP = item("strap", kind="product", category="parts", price=Decimal(20), tags=("long",))
SHELF = shelf_of([GUIDE, WATCH, STRAP])
SCORED = in_order({"guide": 0.9, "watch": 0.5, "strap": 0.4})


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
    one = rule("boost", target, value)
    assert set(one.keys(SHELF)) == found
    assert {each.key for each in SHELF.items.values() if one.matches(each)} == found


@pytest.mark.parametrize("value", ["cheap", "20-10", "-", "", "–", "-5-10", "nan", "10-20-30"])
def test_a_range_that_is_none_is_refused_by_its_name(value):
    with pytest.raises(ValueError, match="is no range of prices"):
        price_range(value)


def scores(*rules, kinds=()):
    """Return what is listed with its scores, the best first."""
    listing = listing_of(SHELF, rules=rules, kinds=kinds)
    return dict(listing.weighed(SCORED).ranked)


def test_what_is_boosted_comes_sooner_and_what_is_buried_later():
    boosted = scores(rule("boost", "category", "luxury", factor=2.0))
    assert list(boosted) == ["watch", "guide", "strap"]
    assert boosted["watch"] == 2 * SCORED.scores["watch"]
    buried = scores(rule("bury", "kind", "article", factor=3.0))
    assert list(buried) == ["watch", "strap", "guide"]
    assert buried["guide"] == pytest.approx(SCORED.scores["guide"] / 3)


def test_rules_about_one_item_add_up():
    both = scores(
        rule("boost", "kind", "product", factor=4.0),
        rule("bury", "category", "luxury", factor=10.0),
    )
    assert list(both) == ["strap", "guide", "watch"]


def test_without_rules_all_is_listed_in_its_order():
    assert scores() == SCORED.scores
    assert list(scores()) == ["guide", "watch", "strap"]


def test_what_is_excluded_or_of_another_kind_is_not_listed():
    assert list(scores(rule("exclude", "tag", "long"))) == ["watch"]
    assert list(scores(kinds=("product",))) == ["watch", "strap"]
    assert set(scores(kinds=("product", "article"))) == {"watch", "strap", "guide"}
    assert scores(kinds=("nothing",)) == {}


def test_pins_are_in_the_order_of_their_positions_without_what_is_excluded():
    listing = listing_of(
        SHELF,
        rules=(
            rule("pin", "kind", "product", position=2),
            rule("exclude", "item", "watch"),
            rule("pin", "tag", "long", position=1),
        ),
    )
    assert [(at, set(keys)) for at, keys in listing.pins] == [
        (1, {"guide", "strap"}),
        (2, {"strap"}),
    ]


def test_a_listing_is_worked_out_once_for_a_shelf():
    rules = (rule("exclude", "tag", "long"),)
    assert listing_of(SHELF, rules=rules) is listing_of(SHELF, rules=tuple(rules))
    assert listing_of(shelf_of(SHELF.items.values()), rules=rules) is not listing_of(
        SHELF, rules=rules
    )


@pytest.mark.parametrize("most", [3 * 20, 0], ids=["many items", "very many items"])
def test_not_more_listings_are_kept_than_fit(monkeypatch, most):
    """Three items: so many listings fit as there are three items in all that may be kept."""
    monkeypatch.setattr(rerank, "MOST_ITEMS", most)
    fit = max(most // 3, rerank.LEAST)
    shelf = shelf_of(SHELF.items.values())
    rules = [(rule("exclude", "item", f"gone-{n}"),) for n in range(fit + 1)]
    first = listing_of(shelf, rules=rules[0])
    for each in rules[:fit]:
        listing_of(shelf, rules=each)
    assert listing_of(shelf, rules=rules[0]) is first
    listing_of(shelf, rules=rules[fit])
    assert listing_of(shelf, rules=rules[0]) is not first
    assert listing_of(shelf, rules=rules[0]).items.keys() == SHELF.items.keys()


def test_a_listing_of_all_has_no_items_of_its_own():
    assert listing_of(SHELF, rules=(rule("boost", "tag", "long"),)).items is SHELF.items


def test_what_the_visitor_knows_is_left_out_as_the_policy_says():
    history = History(
        steps=(Step(item="watch", at=1, kind="Product Viewed"),
               Step(item="strap", at=2, kind="Order Completed"))
    )  # fmt: skip
    assert known_items(history, Policy(seen="hide")) == {"watch", "strap"}
    assert known_items(history, Policy(seen="bought")) == {"strap"}
    long_ago = replace(history, bought=frozenset({"tent"}))
    assert known_items(long_ago, Policy(seen="bought")) == {"strap", "tent"}
    assert known_items(long_ago, Policy(seen="hide")) == {*history.items, "tent"}
    assert known_items(long_ago, Policy(seen="keep")) == frozenset()
    assert known_items(history, Policy(seen="keep")) == set()
    assert known_items(history_of(), Policy()) == set()
