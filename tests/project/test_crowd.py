"""What is planted in the crowd is what comes out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import sqrt

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from personalization.delivery.models import Variation
from personalization.experiments.trial import HELD_OUT, SHOWN
from project.shop.crowd import (
    EFFECTS,
    KINDS,
    Effect,
    Fork,
    Passer,
    chance,
    crowd,
    planted_effects,
    uplift,
    usual,
)
from project.shop.deciding import Site
from project.shop.journey import Shelves, moment
from project.shop.simulate import shop_shelves
from tests.project.test_simulate import SHELVES

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HERO = next(effect for effect in EFFECTS if effect.slot == "hero")
effects = st.frozensets(st.sampled_from(EFFECTS))


def people(visitors: int = 30, *, seed: int = 1, shelves: Shelves = SHELVES) -> list[Passer]:
    """Return people who see nothing of the site."""
    return list(crowd(seed=seed, now=NOW, visitors=visitors, shelves=shelves))


def visitors_of(site: Site, visitors: int) -> list[Passer]:
    """Return people whom the site knows, so that chance decides what they see."""
    ids = (f"crowd{number:05}-1" for number in range(1, visitors + 1))
    profiles = {visitor_id: 1000 + number for number, visitor_id in enumerate(ids)}
    shelves = shop_shelves()
    return list(
        crowd(seed=1, now=NOW, visitors=visitors, shelves=shelves, site=site, profiles=profiles)
    )


def orders_of(somebody: Passer) -> list[datetime]:
    return [moment(event) for event in somebody.events if event.get("event") == "Order Completed"]


# -- the same every time ---------------------------------------------------------------------


def test_the_same_seed_makes_the_same_crowd() -> None:
    assert people() == people()
    assert people() != people(seed=2)


def test_one_more_leaves_the_others_as_they_were() -> None:
    assert people(31)[:30] == people(30)


def test_there_are_people_of_every_kind_about_as_often_as_said() -> None:
    made = people(400)
    counts = Counter(somebody.kind.name for somebody in made)
    for kind in KINDS:
        expected = kind.share * len(made)
        assert abs(counts[kind.name] - expected) < 5 * sqrt(expected)


def test_all_of_it_is_over_long_before_now_and_in_order() -> None:
    for somebody in people(100):
        moments = [moment(event) for event in somebody.events]
        assert all(one <= other for one, other in pairwise(moments))
        assert NOW - timedelta(days=60) < moments[0]
        assert moments[-1] < NOW - timedelta(days=1)


def test_message_ids_are_unique() -> None:
    ids = [event["messageId"] for somebody in people() for event in somebody.events]
    assert len(set(ids)) == len(ids)


def test_what_they_buy_is_neither_the_cheapest_nor_the_dearest() -> None:
    prices = sorted(float(product["price"]) for product in SHELVES.products)
    bought = [float(product["price"]) for product in usual(SHELVES)]
    assert len(bought) >= len(prices) // 2
    assert prices[0] < min(bought)
    assert max(bought) < prices[-1]


# -- the truth -------------------------------------------------------------------------------


@given(st.sampled_from(KINDS), st.integers(0, 12), effects, st.sampled_from(EFFECTS))
def test_each_effect_moves_the_chance_to_its_side_whatever_else_was_seen(
    kind: object, products: int, seen: frozenset[Effect], effect: Effect
) -> None:
    assert kind in KINDS
    without = chance(kind, products=products, seen=seen - {effect})
    with_it = chance(kind, products=products, seen=seen | {effect})
    assert 0 < without < 1
    assert (with_it > without) == (effect.log_odds > 0)
    assert with_it != without


def test_one_effect_does_harm_and_the_hero_does_good() -> None:
    assert HERO.log_odds > 0
    assert [effect.slot for effect in EFFECTS if effect.log_odds < 0] == ["home-strip"]


def test_the_uplift_is_the_mean_of_what_it_makes_of_each_whoever_saw_it() -> None:
    def somebody(arm: str, seen: float, unseen: float) -> Passer:
        fork = Fork(name="hero/a", arm=arm, seen=seen, unseen=unseen)
        return Passer(id=arm, kind=KINDS[0], forks=[fork])

    made = [somebody(SHOWN, 0.5, 0.25), somebody(HELD_OUT, 0.5, 0.375)]
    assert uplift(made, "hero/a") == pytest.approx((0.25 + 0.125) / 2)
    with pytest.raises(ValueError, match="at least one"):
        uplift(made, "hero/b")


def test_who_sees_nothing_of_the_site_has_no_effect_of_it() -> None:
    for somebody in people(100):
        assert somebody.forks == []
        assert somebody.chance in {chance(somebody.kind, products=n) for n in range(8)}
        assert not any(event.get("event") == "Slot Shown" for event in somebody.events)


def test_orders_are_where_they_were_drawn_and_nowhere_else() -> None:
    made = people(300)
    for somebody in made:
        assert len(orders_of(somebody)) == somebody.orders
    about_as_many_as_said(made)


def about_as_many_as_said(made: Sequence[Passer]) -> None:
    expected = sum(somebody.chance for somebody in made)
    deviation = sqrt(sum(somebody.chance * (1 - somebody.chance) for somebody in made))
    assert abs(sum(somebody.orders for somebody in made) - expected) < 4.5 * deviation


# -- in the shop -----------------------------------------------------------------------------


@pytest.mark.usefixtures("shop")
@override_settings(PERSONALIZATION_HOLDOUT=0.3, PERSONALIZATION_GLOBAL_HOLDOUT=0.1)
def test_chance_decides_about_what_is_planted_under_the_names_that_events_tell() -> None:
    site = Site.now()
    planted = planted_effects(site)
    strip = Variation.objects.get(slot__slug="home-strip", segment__slug="browsers")
    assert planted[f"home-strip/variation:{strip.pk}"].log_odds < 0
    assert planted["cheapest-first"].slot == "category-banner"
    assert {effect.slot for effect in planted.values()} == {effect.slot for effect in EFFECTS}

    made = visitors_of(site, 120)
    for somebody in made:
        told = {
            (name, one["arm"])
            for event in somebody.events
            if event.get("event") == "Slot Shown"
            for name, one in event["properties"].get("assigned", {}).items()
            if name in planted
        }
        assert {(fork.name, fork.arm) for fork in somebody.forks} == told
        for fork in somebody.forks:
            seen = fork.arm in (SHOWN, "prices")
            assert somebody.chance == pytest.approx(fork.seen if seen else fork.unseen)
    arms = Counter(fork.arm for somebody in made for fork in somebody.forks)
    assert arms.keys() == {SHOWN, HELD_OUT, "prices", "sizes"}
    about_as_many_as_said(made)


@pytest.mark.usefixtures("shop")
def test_without_a_variation_there_is_no_effect_of_it() -> None:
    Variation.objects.filter(slot__slug="home-strip").delete()
    assert {effect.slot for effect in planted_effects(Site.now()).values()} == {
        "hero",
        "category-banner",
    }
