"""The whole way of a list, on given items, popularity and scores."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.history import History, Step, history_of
from personalization.ml.serving.policy import Policy
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.recommend import MOST, Ask, recommend
from personalization.ml.serving.rerank import Rule
from personalization.ml.serving.shelf import Shelf, shelf_of
from tests.effort import examples
from tests.ml.serving.making import ByLast, famous, item, keys

PLAIN = Policy(diversity=0.0, explore=0.0)
SHELF = shelf_of(
    [item(f"p{n:02}", kind="product", category=f"c{n % 4}", tags=(f"t{n % 3}",)) for n in range(30)]
)
FAMOUS = famous(*(f"p{n:02}" for n in range(20)))
SCORER = ByLast({"p00": {"p10": 1.0, "p11": 0.8, "p12": 0.6}, "p05": {"p25": 1.0, "p24": 0.5}})


def ask(n: int = 4, *viewed: str, **fields) -> Ask:
    return Ask(**{"n": n, "history": history_of(*viewed), "policy": PLAIN, **fields})


def listed(asked: Ask, *, items: Shelf = SHELF, known: Popular = FAMOUS, scorer=None):
    return recommend(asked, items=items, famous=known, scorer=scorer)


def test_nothing_is_listed_where_there_is_nothing():
    assert listed(ask(), items=Shelf(), known=Popular()) == ()
    assert listed(ask(0)) == ()
    assert listed(ask(-3)) == ()


def test_without_a_model_the_popular_are_listed():
    found = listed(ask())
    assert keys(found) == ["p00", "p01", "p02", "p03"]
    assert {one.model_version for one in found} == {None}
    assert [one.position for one in found] == [1, 2, 3, 4]
    assert {one.propensity for one in found} == {1.0}
    assert {str(one.reason) for one in found} == {"Popular now"}


def test_before_anything_is_popular_the_new_are_listed():
    found = listed(ask(2), items=shelf_of([item("a", first_seen=1), item("b", first_seen=2)]),
                   known=Popular())  # fmt: skip
    assert keys(found) == ["b", "a"]
    assert {one.reason.code for one in found} == {"new"}


def test_a_history_is_scored_by_the_model():
    found = listed(ask(3, "p00"), scorer=SCORER)
    assert keys(found) == ["p10", "p11", "p12"]
    assert {one.model_version for one in found} == {7}
    assert {str(one.reason) for one in found} == {"Because you looked at The p00"}


def test_what_the_model_leaves_open_the_popular_fill():
    found = listed(ask(5, "p00"), scorer=SCORER)
    assert keys(found) == ["p10", "p11", "p12", "p01", "p02"]
    assert [one.reason.code for one in found[3:]] == ["popular", "popular"]


def test_a_model_that_says_nothing_leaves_it_to_the_popular():
    found = listed(ask(2, "p17"), scorer=SCORER)
    assert keys(found) == ["p00", "p01"]
    assert {one.model_version for one in found} == {None}


def test_without_a_history_the_model_is_not_asked():
    scorer = replace(SCORER, asked=[])
    assert keys(listed(ask(1), scorer=scorer)) == ["p00"]
    assert scorer.asked == []


def test_what_the_page_is_about_leads_and_is_not_listed():
    found = listed(ask(2, "p00", item="p05"), scorer=SCORER)
    assert keys(found) == ["p25", "p24"]
    assert {str(one.reason) for one in found} == {"Goes with The p05"}
    assert keys(listed(ask(2, item="p00"))) == ["p04", "p08"], "of its category, without a model"


def test_what_is_not_on_the_shelf_is_not_listed():
    scorer = ByLast({"p00": {"gone": 1.0, "p10": 0.5}})
    assert keys(listed(ask(1, "p00"), scorer=scorer)) == ["p10"]
    assert keys(listed(ask(1), known=famous("gone", "p07"))) == ["p07"]


def test_what_the_visitor_knows_is_listed_only_where_the_policy_says_so():
    assert keys(listed(ask(2, "p00", "p01"))) == ["p02", "p03"]
    kept = replace(PLAIN, seen="keep")
    assert keys(listed(ask(2, "p00", "p01", policy=kept))) == ["p00", "p01"]


def test_few_items_of_a_kind_are_found_below_many_others():
    many = [item(f"n{n:04}", kind="news") for n in range(3000)]
    rare = [item("rare-1", kind="guide"), item("rare-2", kind="guide")]
    everything = shelf_of([*many, *rare])
    order = famous(*(one.key for one in many), "rare-1", "rare-2")
    found = listed(ask(3, policy=replace(PLAIN, kinds=("guide",))), items=everything, known=order)
    assert keys(found) == ["rare-1", "rare-2"]


def test_excluded_items_are_in_no_list_and_pinned_ones_in_their_place():
    rules = (
        Rule(action="exclude", target="category", value="c1"),
        Rule(action="pin", target="item", value="p20", position=2),
    )
    found = listed(ask(4, "p20", rules=rules))
    assert keys(found) == ["p00", "p20", "p02", "p03"]
    assert str(found[1].reason) == "Recommended by us"
    assert found[1].propensity == 1.0


def test_what_is_excluded_cannot_be_pinned():
    rules = (
        Rule(action="exclude", target="item", value="p20"),
        Rule(action="pin", target="item", value="p20"),
    )
    assert "p20" not in keys(listed(ask(4, rules=rules)))


def test_a_boost_lifts_what_the_model_has_far_below():
    many = shelf_of(
        [item(f"n{n:04}") for n in range(3000)] + [item("lucky", category="sale", tags=("x",))]
    )
    scores = {f"n{n:04}": 1 - n / 4000 for n in range(1, 3000)} | {"lucky": 0.2}
    rules = (Rule(action="boost", target="category", value="sale", factor=10.0),)
    scorer = ByLast({"n0000": scores})
    asked = ask(2, "n0000", rules=rules)
    assert keys(listed(asked, items=many, known=Popular(), scorer=scorer))[0] == "lucky"


def test_a_list_differs_where_the_policy_wants_it():
    same = [item(f"same-{n}", category="a", tags=("x",)) for n in range(4)]
    order = famous(*(one.key for one in same), "other")
    found = listed(
        ask(2, policy=replace(PLAIN, diversity=0.9)),
        items=shelf_of([*same, item("other", category="b")]),
        known=order,
    )
    assert keys(found) == ["same-0", "other"]


def test_a_pin_beyond_the_end_of_a_short_list_is_its_end():
    rules = (Rule(action="pin", target="item", value="b", position=4),)
    found = listed(ask(5, rules=rules), items=shelf_of([item("a"), item("b")]), known=famous("a"))
    assert keys(found) == ["a", "b"]
    assert [one.reason.code for one in found] == ["popular", "pinned"]


def test_the_best_fitting_item_is_pinned_and_two_pins_stand_next_to_each_other():
    rules = (
        Rule(action="pin", target="category", value="c3"),
        Rule(action="pin", target="category", value="c3"),
        Rule(action="pin", target="item", value="p00", position=9),
    )
    found = listed(ask(3, "p03", rules=rules))
    assert keys(found) == ["p03", "p07", "p00"], "the visitor may know what is pinned"
    assert [one.reason.code for one in found] == ["pinned", "pinned", "popular"]


def test_what_nobody_knows_yet_can_be_pinned():
    rules = (Rule(action="pin", target="item", value="p29", position=2),)
    assert keys(listed(ask(2, rules=rules))) == ["p00", "p29"]


def test_no_list_is_longer_than_the_longest():
    many = shelf_of([item(f"n{n}") for n in range(200)])
    assert len(listed(ask(500), items=many, known=famous(*many.items))) == MOST


rules = st.builds(
    Rule,
    action=st.sampled_from(["boost", "bury", "exclude", "pin"]),
    target=st.sampled_from(["item", "kind", "category", "tag"]),
    value=st.sampled_from(["p00", "p07", "product", "c1", "t2", "nothing"]),
    factor=st.floats(1, 100),
    position=st.integers(1, 8),
)
policies = st.builds(
    Policy,
    seen=st.sampled_from(["hide", "bought", "keep"]),
    diversity=st.floats(0, 1),
    per_category=st.integers(0, 3),
    explore=st.floats(0, 0.5),
)
histories = st.lists(st.sampled_from([f"p{n:02}" for n in range(8)] + ["gone"]), max_size=6)


@given(st.integers(0, 40), histories, st.lists(rules, max_size=4), policies, st.text(max_size=3))
@examples(150)
def test_every_list_keeps_what_it_promises(n, viewed, stated, policy, lot):
    steps = tuple(Step(item=key, at=at, kind="Product Viewed") for at, key in enumerate(viewed))
    asked = ask(n, history=History(steps=steps), rules=tuple(stated), policy=policy, lot=lot)
    found = listed(asked, scorer=SCORER)
    names = keys(found)
    assert len(set(names)) == len(names) <= n
    assert [one.position for one in found] == list(range(1, len(found) + 1))
    assert all(0 < one.propensity <= 1 and one.score >= 0 for one in found)
    excluding = [rule for rule in stated if rule.action == "exclude"]
    assert not any(rule.matches(one.item) for rule in excluding for one in found)
    pins = {one.item.key for one in found if one.reason.code == "pinned"}
    if policy.seen == "hide":
        assert set(names) & set(viewed) <= pins
    assert found == listed(asked, scorer=SCORER), "the same question has the same answer"


@pytest.mark.parametrize("lot", ["a", "b"])
def test_what_is_left_to_chance_is_told(lot):
    exploring = replace(PLAIN, explore=0.5)
    found = listed(ask(10, policy=exploring, lot=lot))
    assert {one.propensity for one in found if one.score > FAMOUS.scores["p10"]} <= {1.0, 0.5}
    assert any(one.propensity < 0.5 for one in found)
