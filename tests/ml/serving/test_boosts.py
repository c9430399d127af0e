"""Boosts of what nobody knows yet: a boost has to have something to multiply."""

from __future__ import annotations

import pytest

from personalization.ml.history import history_of
from personalization.ml.serving.policy import Policy
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.recommend import Ask, recommend
from personalization.ml.serving.rerank import Rule, listing_of
from personalization.ml.serving.shelf import shelf_of
from tests.ml.serving.making import ByLast, famous, item, keys

PLAIN = Policy(diversity=0.0, explore=0.0)
PRODUCTS = [item(f"p{n:02}", kind="product") for n in range(40)]
#: Nobody viewed them; the first is the oldest.
GUIDES = [item(f"g{n}", kind="guide", category="how-to", first_seen=n) for n in range(4)]
SHELF = shelf_of([*PRODUCTS, *GUIDES])
KNOWN = famous(*(one.key for one in PRODUCTS))


def boost(factor: float, value: str = "guide", target: str = "kind") -> Rule:
    return Rule(action="boost", target=target, value=value, factor=factor)  # type: ignore[arg-type]


def listed(*rules: Rule, n: int = 6, viewed: tuple[str, ...] = (), **options) -> list[str]:
    options = {"items": SHELF, "famous": KNOWN, **options}
    ask = Ask(n=n, rules=rules, policy=PLAIN, history=history_of(*viewed))
    return keys(recommend(ask, **options))


def test_without_a_boost_they_are_in_no_list():
    assert not [key for key in listed(n=40) if key[0] == "g"]


@pytest.mark.parametrize("factor", [1.01, 1.5, 2.0])
def test_the_least_boost_lets_them_come_in(factor):
    found = listed(boost(factor))
    assert found[:2] == ["p00", "p01"]
    assert found[-1][0] == "g"


def test_a_great_boost_puts_them_first_the_newest_before_the_older():
    assert listed(boost(100.0)) == ["g3", "g2", "g1", "g0", "p00", "p01"]


def test_the_greater_the_boost_the_higher_they_stand():
    places = [listed(boost(factor)).index("g3") for factor in (1.1, 2.0, 4.0, 10.0)]
    assert places == sorted(places, reverse=True)
    assert places[0] > places[-1] == 0


def test_the_more_they_are_boosted_the_earlier_they_come_whatever_their_age():
    found = listed(boost(50.0), boost(2.0, "g0", "item"))
    assert found[:4] == ["g0", "g3", "g2", "g1"]


def test_what_is_viewed_a_little_stands_before_what_nobody_viewed():
    known = famous(*(one.key for one in PRODUCTS), "g1", "g0")
    assert listed(boost(100.0), famous=known)[:4] == ["g1", "g0", "g3", "g2"]
    many = [item(f"n{n:03}", kind="product") for n in range(500)]
    known = famous(*(one.key for one in many), "g1")
    found = listed(boost(1.5), famous=known, items=shelf_of([*many, *GUIDES]))
    assert [key for key in found if key[0] == "g"][:2] == ["g1", "g3"], "far below all others too"


def test_among_what_a_model_says_they_come_in_as_well():
    scorer = ByLast({"p00": {f"p{n:02}": 1 - n / 50 for n in range(1, 40)}})
    assert listed(boost(1.1), viewed=("p00",), scorer=scorer)[:2] == ["p01", "g3"]
    assert listed(boost(100.0), viewed=("p00",), scorer=scorer)[:4] == ["g3", "g2", "g1", "g0"]


def test_where_enough_is_known_that_is_boosted_scores_are_as_they_are():
    """Every second product is boosted: none of them counts more than it does, times the factor."""
    goods = [item(f"p{n:02}", kind=("product", "rare")[n % 2]) for n in range(40)]
    rule = boost(1.5, "rare")
    found = recommend(
        Ask(n=6, rules=(rule,), policy=PLAIN), items=shelf_of([*goods, *GUIDES]), famous=KNOWN
    )
    factors = {"product": 1.0, "rare": 1.5}
    assert [one.score for one in found] == pytest.approx(
        [KNOWN.scores[one.item.key] * factors[one.item.kind] for one in found]
    )
    assert keys(found) == ["p00", "p01", "p03", "p02", "p05", "p04"]


def test_before_anything_is_popular_boosts_come_first():
    goods = [item(f"new{n}", first_seen=100 + n) for n in range(3)]
    found = listed(boost(2.0), items=shelf_of([*goods, *GUIDES]), famous=Popular())
    assert found == ["g3", "g2", "g1", "g0", "new2", "new1"]


@pytest.mark.parametrize("n", [1, 3, 6, 12])
def test_boosts_make_no_list_longer_and_double_nothing(n):
    found = listed(boost(5.0), n=n)
    assert len(found) == len(set(found)) == n


def test_what_the_visitor_knows_or_rules_exclude_is_not_let_in():
    exclude = Rule(action="exclude", target="item", value="g3")
    found = listed(boost(100.0), exclude, viewed=("g2",))
    assert [key for key in found if key[0] == "g"] == ["g1", "g0"]


def test_a_boost_and_a_bury_of_one_factor_are_none():
    bury = Rule(action="bury", target="kind", value="guide", factor=7.3)
    assert not listing_of(SHELF, rules=(boost(7.3), bury)).boosted
    assert listed(boost(7.3), bury) == listed()


def test_what_is_boosted_is_sorted_once_for_a_listing():
    listing = listing_of(SHELF, rules=(boost(2.0), boost(3.0, "p07", "item")))
    assert listing.boosted == ("p07", "g3", "g2", "g1", "g0")
    assert listing_of(SHELF, rules=(boost(2.0), boost(3.0, "p07", "item"))) is listing
