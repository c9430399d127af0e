"""Patterns are all that enough people did, by a brute force that tries every way."""

from __future__ import annotations

import math
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.base import InvalidConfig
from personalization.ml.sequences.prefixspan import (
    MiningConfig,
    Pattern,
    followers,
    patterns,
    patterns_before,
)
from personalization.ml.unfit import UnfitData
from personalization.ml.walks import Walk
from tests.effort import examples
from tests.ml.sequences.people import MINUTE, people, walk

#: Whatever anybody did.
ANY = {"support": 0, "people": 1, "shortest": 1}


def took(one: Walk, steps: tuple[str, ...], config: MiningConfig) -> bool:
    """Try every choice of places."""
    for places in combinations(range(len(one)), len(steps)):
        if tuple(one.steps[place] for place in places) != steps:
            continue
        pairs = list(zip(places, places[1:], strict=False))
        near = all(
            (not config.minutes or one.at[j] - one.at[i] <= config.minutes * MINUTE)
            and (config.between < 0 or j - i - 1 <= config.between)
            for i, j in pairs
        )
        if near:
            return True
    return False


def by_force(some: list[Walk], config: MiningConfig) -> dict[tuple[str, ...], int]:
    names = sorted({step for one in some for step in one.steps})
    least = max(config.people, math.ceil(config.support * len(some)))
    counted = {
        steps: sum(took(one, steps, config) for one in some)
        for length in range(config.shortest, config.longest + 1)
        for steps in product(names, repeat=length)
    }
    return {steps: n for steps, n in counted.items() if n >= least}


CONFIGS = st.builds(
    MiningConfig,
    support=st.sampled_from([0.0, 0.3]),
    people=st.sampled_from([1, 2, 3]),
    shortest=st.sampled_from([1, 2]),
    longest=st.sampled_from([2, 3]),
    minutes=st.sampled_from([0, 4, 5, 30]),
    between=st.sampled_from([-1, 0, 1]),
)


@examples(80)
@given(people(), CONFIGS)
def test_patterns_are_all_that_enough_people_did(some: Any, config: MiningConfig) -> None:
    try:
        found = patterns(some, config=config)
    except UnfitData:
        assert len(some) < config.people
        return
    assert {each.steps: each.people for each in found} == by_force(some, config)
    assert len({each.steps for each in found}) == len(found)


@examples(40)
@given(people(), CONFIGS, st.lists(st.sampled_from("abcd"), min_size=1, max_size=3))
def test_followers_are_those_who_took_the_steps(some: Any, config: Any, steps: Any) -> None:
    expected = [n for n, one in enumerate(some) if took(one, tuple(steps), config)]
    assert followers(some, steps, config=config).tolist() == expected


@examples(40)
@given(st.data())
def test_the_order_of_people_changes_nothing(data: Any) -> None:
    some = data.draw(people())
    config = MiningConfig(**ANY)
    shuffled = data.draw(st.permutations(some))
    # As texts: a lift of nothing is NaN, which equals nothing.
    assert repr(patterns(shuffled, config=config)) == repr(patterns(some, config=config))


@examples(40)
@given(people())
def test_longer_patterns_have_no_more_people_than_those_they_begin_with(some: Any) -> None:
    found = {each.steps: each for each in patterns(some, config=MiningConfig(**ANY))}
    for steps, each in found.items():
        assert each.support == each.people / len(some)
        if len(steps) > 1:
            assert found[steps[:-1]].people >= each.people


def test_time_counts_from_one_step_to_the_next() -> None:
    slow = [walk("a", "b", "c", minutes=(0, 25, 50)), walk("a", "c", minutes=(0, 31))]
    config = MiningConfig(support=0, people=1)
    assert {each.steps: each.people for each in patterns(slow, config=config)} == {
        ("a", "b"): 1, ("b", "c"): 1, ("a", "b", "c"): 1,
    }  # fmt: skip


def test_a_later_begin_may_lead_where_an_earlier_does_not() -> None:
    late = [walk("a", "x", "x", "a", "b")]
    config = MiningConfig(support=0, people=1, between=0)
    assert ("a", "b") in {each.steps for each in patterns(late, config=config)}


def test_only_so_many_patterns_are_kept_those_of_the_most_people() -> None:
    some = [walk("a", "b")] * 3 + [walk("c", "d")]
    found = patterns(some, config=MiningConfig(support=0, people=1, most=1))
    assert [each.steps for each in found] == [("a", "b")]


SHOP = [
    *[walk("home", "product", "cart", "order", "product")] * 30,
    *[walk("home", "product", "cart")] * 10,
    *[walk("home", "product", "home")] * 60,
    *[walk("order")] * 2,
]


def of(found: list[Pattern], *steps: str) -> Pattern:
    return next(each for each in found if each.steps == steps)


def test_lift_is_how_much_likelier_the_goal_is_after_a_pattern() -> None:
    found = patterns_before(SHOP, goal="order", config=MiningConfig(people=5))
    cart = of(found, "product", "cart")
    assert (cart.people, cart.reached) == (40, 30)
    assert cart.lift == pytest.approx((30 / 40) / (32 / 102))
    assert cart.chance < 1e-6
    home = of(found, "product", "home")
    assert (home.people, home.reached, home.lift) == (60, 0, 0)


def test_what_comes_after_the_goal_is_no_pattern_before_it() -> None:
    found = patterns_before(SHOP, goal="order", config=MiningConfig(people=5))
    assert not any("order" in each.steps for each in found)
    assert ("cart", "product") not in {each.steps for each in found}


def test_what_makes_no_difference_is_by_chance() -> None:
    rng = np.random.default_rng(4)
    some = [
        walk("a", *(["b"] if rng.random() < 0.5 else []), *(["goal"] if rng.random() < 0.3 else []))
        for _ in range(400)
    ]
    (found,) = patterns_before(some, goal="goal", config=MiningConfig(people=5))
    assert found.steps == ("a", "b")
    assert found.chance > 0.05


@pytest.mark.parametrize("some", [[walk("a", "b")] * 30, [walk("a", "goal")] * 30])
def test_a_goal_that_nobody_or_everybody_reaches_is_refused(some: list[Walk]) -> None:
    with pytest.raises(UnfitData, match="of 30 people reach “goal”"):
        patterns_before(some, goal="goal")


@pytest.mark.parametrize("n", [0, 19])
def test_too_few_people_are_said(n: int) -> None:
    with pytest.raises(UnfitData, match=f"need 20 people, there are {n}"):
        patterns([walk("a", "b")] * n)


def test_people_who_did_nothing_count_as_people() -> None:
    found = patterns([walk()] * 30 + [walk("a", "b")] * 30)
    assert of(found, "a", "b").support == 0.5
    assert patterns([walk()] * 30) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("support", 2), ("longest", 11), ("between", -2), ("people", 0), ("shortest", 5)],
)
def test_what_is_no_configuration_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidConfig, match=field):
        MiningConfig.read({field: value})
