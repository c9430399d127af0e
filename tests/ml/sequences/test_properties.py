"""Sequences by what holds for whatever anybody did: patterns, next steps, ends."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.artefact import checksum, packed, unpacked
from personalization.ml.base import InvalidConfig, Options
from personalization.ml.sequences.dropouts import DropOutConfig, dropouts
from personalization.ml.sequences.next_step import END, NextStep, NextStepConfig, judged
from personalization.ml.sequences.prefixspan import (
    MiningConfig,
    followers,
    patterns,
    patterns_before,
)
from personalization.ml.unfit import UnfitData
from personalization.ml.walks import Walk
from tests.effort import examples
from tests.ml.sequences.people import MINUTE, people, walk

#: Whatever anybody did, however far apart.
ALL = MiningConfig(support=0, people=1, shortest=1, longest=3, minutes=0)
NEAR = MiningConfig(support=0, people=1, shortest=1, longest=3, minutes=5, between=1)


def told(some: list[Walk], config: MiningConfig = ALL) -> dict[tuple[str, ...], int]:
    return {each.steps: each.people for each in patterns(some, config=config)}


def renamed(some: list[Walk], names: dict[str, str]) -> list[Walk]:
    return [Walk(steps=tuple(names[step] for step in one.steps), at=one.at) for one in some]


# -- patterns ---------------------------------------------------------------------------------


@given(people())
@examples(20)
def test_whatever_is_left_out_of_a_pattern_as_many_did_the_rest(some: Any) -> None:
    found = told(some)
    for steps, n in found.items():
        for place in range(len(steps)):
            if rest := steps[:place] + steps[place + 1 :]:
                assert found[rest] >= n


@given(people())
@examples(20)
def test_whoever_did_a_pattern_nearby_did_both_its_ends_nearby(some: Any) -> None:
    found = told(some, NEAR)
    for steps, n in found.items():
        if len(steps) > 1:
            assert found[steps[:-1]] >= n
            assert found[steps[1:]] >= n


@given(people())
@examples(15)
def test_the_less_is_allowed_between_the_fewer_did_it(some: Any) -> None:
    anything, near = told(some), told(some, NEAR)
    assert near.keys() <= anything.keys()
    assert all(n <= anything[steps] for steps, n in near.items())


@given(people(), st.integers(1, 5))
@examples(15)
def test_more_people_asked_for_leave_out_and_change_nothing_else(some: Any, least: int) -> None:
    if len(some) < least:
        return
    found = told(some, MiningConfig(**{**ALL.written(), "people": least}))
    assert found == {steps: n for steps, n in told(some).items() if n >= least}


@given(people(), people())
@examples(15)
def test_people_add_up(some: Any, others: Any) -> None:
    one, other, both = told(some), told(others), told(some + others)
    assert both == {
        steps: one.get(steps, 0) + other.get(steps, 0) for steps in one.keys() | other.keys()
    }


@given(people(), st.permutations("abc"), st.integers(-(10**6), 10**6))
@examples(15)
def test_neither_names_nor_the_hour_are_any_matter(some: Any, names: Any, later: int) -> None:
    new = dict(zip("abc", (f"größe/{name}" for name in names), strict=True))
    moved = [
        Walk(steps=one.steps, at=tuple(at + later * MINUTE for at in one.at))
        for one in renamed(some, new)
    ]
    assert told(moved, NEAR) == {
        tuple(new[step] for step in steps): n for steps, n in told(some, NEAR).items()
    }


@given(people(names="abg"))
@examples(20)
def test_what_comes_after_the_goal_changes_nothing(some: Any) -> None:
    longer = [
        Walk(steps=(*one.steps, "a", "b", "g"), at=(*one.at, *[one.at[-1] + MINUTE] * 3))
        if "g" in one.steps
        else one
        for one in some
    ]
    if not 0 < sum("g" in one.steps for one in some) < len(some):
        with pytest.raises(UnfitData, match="people reach “g”"):
            patterns_before(some, goal="g", config=ALL)
        return
    found = patterns_before(some, goal="g", config=ALL)
    assert found == patterns_before(longer, goal="g", config=ALL)
    assert all("g" not in each.steps for each in found)
    for each in found:
        assert 0 <= each.reached <= each.people
        assert 0 <= each.chance <= 1
        assert each.lift >= 0


@given(people(), st.lists(st.sampled_from("abc"), min_size=1, max_size=3))
@examples(20)
def test_as_many_follow_as_the_pattern_has_people(some: Any, steps: Any) -> None:
    follow = followers(some, steps, config=NEAR)
    assert len(follow) == told(some, NEAR).get(tuple(steps), 0)
    assert sorted(set(follow.tolist())) == follow.tolist()
    # Whoever follows goes on to do so whatever comes of others.
    assert followers([*some, walk("x")], steps, config=NEAR).tolist() == follow.tolist()


@pytest.mark.parametrize("steps", [("x",), ("a", "x"), ("x", "a")])
def test_nobody_follows_what_nobody_did(steps: tuple[str, ...]) -> None:
    assert followers([walk("a", "b"), walk()], steps, config=ALL).tolist() == []
    assert followers([], steps, config=ALL).tolist() == []


@pytest.mark.parametrize("some", [[walk()], [walk(), walk()]])
def test_who_did_nothing_did_no_pattern(some: list[Walk]) -> None:
    assert patterns(some, config=ALL) == []


def test_nobody_at_all_is_too_few() -> None:
    with pytest.raises(UnfitData, match="Patterns need 1 people, there are 0"):
        patterns([], config=ALL)


def test_steps_at_one_instant_are_steps_in_their_order() -> None:
    at_once = [walk("a", "b", minutes=(3, 3))]
    assert told(at_once, NEAR) == {("a",): 1, ("b",): 1, ("a", "b"): 1}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"support": 1.5}, "“support” is 1.5; allowed: 0 to 1"),
        ({"people": 0}, "“people” is 0; allowed: 1 to"),
        ({"people": 2.5}, "“people” is 2.5; allowed: whole numbers"),
        ({"longest": 11}, "“longest” is 11; allowed: 1 to 10"),
        ({"between": -2}, "“between” is -2; allowed: -1 to 1000"),
        ({"shortest": 3, "longest": 2}, "“shortest” is 3; allowed: up to “longest”, 2"),
        ({"minutes": float("nan")}, "“minutes” is nan; allowed: 0 to"),
        ({"most": "many"}, "“most” is 'many'; allowed: 1 to"),
    ],
)
def test_what_is_no_way_to_look_is_refused_with_what_is(values: Any, says: str) -> None:
    with pytest.raises(InvalidConfig, match=says):
        MiningConfig(**values)


# -- the next step ----------------------------------------------------------------------------

STEPS = st.lists(st.sampled_from("abc"), min_size=1, max_size=6)
VISITS = st.lists(STEPS, min_size=1, max_size=8)


def model_of(visits: Any, **config: Any) -> NextStep:
    given_ones = {"visits": 1, "least": 1, **config}
    return NextStep(NextStepConfig(**given_ones)).fit([walk(*v) for v in visits], Options())


@given(VISITS, st.sampled_from("abc"))
@examples(15)
def test_the_more_is_seen_the_nearer_it_is_to_what_followed(visits: Any, step: str) -> None:
    followed = [
        after
        for visit in visits
        for before, after in zip(visit, [*visit[1:], END], strict=True)
        if before == step
    ]
    if not followed:
        return
    model = model_of(visits * 200, order=1, strength=1)
    for after, likely in zip(model.steps, model.score([step]), strict=True):
        assert likely == pytest.approx(followed.count(after) / len(followed), abs=0.01)


@given(VISITS, STEPS, st.permutations("abc"))
@examples(15)
def test_other_names_change_no_probability(visits: Any, steps: Any, names: Any) -> None:
    new = dict(zip("abc", (f"页/{name}" for name in names), strict=True))
    model, other = model_of(visits), model_of([[new[s] for s in v] for v in visits])
    known = dict(zip(other.steps, other.score([new[s] for s in steps]), strict=True))
    for step, likely in zip(model.steps, model.score(steps), strict=True):
        assert known[new.get(step, END)] == pytest.approx(likely)


@given(VISITS, st.integers(1, 3), STEPS)
@examples(15)
def test_only_the_last_steps_are_looked_at(visits: Any, order: int, steps: Any) -> None:
    model = model_of(visits, order=order)
    known = [step for step in steps if step in model.steps]
    np.testing.assert_allclose(model.score(["a", "b", *known]), model.score(
        [step for step in ("a", "b") if step in model.steps] + known), atol=1e-12)  # fmt: skip
    if len(known) >= order:
        np.testing.assert_allclose(model.score(known[-order:]), model.score(known), atol=1e-12)


@given(VISITS, STEPS)
@examples(10)
def test_it_says_the_same_after_it_was_kept(visits: Any, steps: Any) -> None:
    model = model_of(visits, order=3)
    content = packed(model)
    back = unpacked(content, sha256=checksum(content))
    assert isinstance(back, NextStep)
    assert back.likeliest(steps, n=9) == model.likeliest(steps, n=9)


@given(VISITS, STEPS, st.integers(0, 9))
@examples(15)
def test_the_likeliest_come_first_and_are_so_many(visits: Any, steps: Any, n: int) -> None:
    model = model_of(visits)
    found = model.likeliest(steps, n=n)
    assert len(found) == min(n, len(model.steps))
    likely = [each for _, each in found]
    assert likely == sorted(likely, reverse=True)
    if found:
        assert likely[0] == model.score(steps).max()


@given(VISITS, VISITS)
@examples(15)
def test_figures_of_what_was_told_are_shares(visits: Any, others: Any) -> None:
    model = model_of(visits)
    found = judged(model, [walk(*other) for other in others])
    for first, three in (
        (found.first, found.among_three),
        (found.popular_first, found.popular_among_three),
    ):
        assert 0 <= first <= three <= 1
    assert found.surprise > 0
    assert found.n <= sum(len(other) for other in others)


# -- where visits end -------------------------------------------------------------------------

ANY_END = DropOutConfig(visits=1, reached=1, chance=1)


@given(people(names="abg"))
@examples(20)
def test_what_is_lost_is_more_than_usual_the_most_first(visits: Any) -> None:
    if not any("g" in visit.steps for visit in visits):
        return
    found = dropouts(visits, goal="g", config=ANY_END)
    lost = [each.lost for each in found]
    assert lost == sorted(lost, reverse=True)
    for each in found:
        assert each.lost > 0
        assert 0 < each.share <= 1
        assert each.reached + each.ended <= each.visits
        assert 0 <= each.chance <= 1
        assert len(each.ways) <= 3
        shares = [share for _, share in each.ways]
        assert shares == sorted(shares, reverse=True)


@given(people(names="abg"))
@examples(15)
def test_visits_after_the_goal_are_no_ends(visits: Any) -> None:
    if not any("g" in visit.steps for visit in visits):
        return
    cut = [walk(*visit.before("g").steps, "g") if "g" in visit.steps else visit for visit in visits]
    assert dropouts(cut, goal="g", config=ANY_END) == dropouts(visits, goal="g", config=ANY_END)


def test_visits_that_did_nothing_say_nothing() -> None:
    visits = [walk("a", "g")] * 3 + [walk("a"), walk("b")]
    found = dropouts(visits, goal="g", config=ANY_END)
    assert dropouts([*visits, walk(), walk()], goal="g", config=ANY_END) == found
    assert json.dumps([each.step for each in found]) == '["b"]'


def test_where_all_reach_the_goal_nobody_is_lost() -> None:
    assert dropouts([walk("a", "g")] * 5, goal="g", config=ANY_END) == []
    assert dropouts([walk("g")] * 5, goal="g", config=ANY_END) == []
