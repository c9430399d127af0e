from __future__ import annotations

import json
import subprocess
import sys
from math import isclose, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.experiments.bandits.policy import (
    FLOOR,
    BanditPolicy,
    Features,
    InverseGap,
    Model,
    Optimist,
    Shares,
    Waiting,
    by_gap,
    context_of,
    floored,
    is_number,
    policy_of,
)
from tests.housekeeping.repository import ROOT

ARMS = ("usual", "new", "newest")
WEIGHTS = (0.5, 0.25, 0.25)
_START = floored(WEIGHTS)


def _policy(content: Any, *, kind: str = "") -> BanditPolicy:
    """Return what is read of a state, by a bandit of the kind that it says."""
    told = content.get("kind") if isinstance(content, dict) else None
    return policy_of(content, kind=kind or str(told), arms=ARMS, weights=WEIGHTS)


_numbers = st.floats(-1e6, 1e6)
_any_number = st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.text(max_size=3))
_json = st.recursive(
    _any_number,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def _states(draw: st.DrawFn) -> dict[str, Any]:
    """States of the right shape, with numbers of any kind in them."""
    n = draw(st.integers(0, 3))
    number = draw(st.sampled_from([_numbers, _any_number]))
    model = st.fixed_dictionaries(
        {
            "weights": st.lists(number, min_size=n + 1, max_size=n + 1),
            "root": st.tuples(
                *(st.lists(number, min_size=at + 1, max_size=at + 1) for at in range(n + 1))
            ).map(list),
        }
    )
    return {
        "kind": draw(st.sampled_from(["thompson", "linucb", "inverse_gap", "another"])),
        "arms": list(draw(st.sampled_from([ARMS, ARMS[:2]]))),
        "chances": draw(st.one_of(st.none(), st.lists(st.floats(0, 1), min_size=3, max_size=3))),
        "features": {
            "names": [f"f{at}" for at in range(n)],
            "means": draw(st.lists(number, min_size=n, max_size=n)),
            "scales": draw(st.lists(number, min_size=n, max_size=n)),
        },
        "models": draw(st.one_of(st.none(), st.lists(model, min_size=3, max_size=3))),
        "bonus": draw(number),
        "gamma": draw(number),
    }


_contexts = st.dictionaries(st.sampled_from(["f0", "f1", "f2", "other"]), st.floats(), max_size=4)


def _linear(**changed: Any) -> dict[str, Any]:
    return {
        "kind": "linucb",
        "arms": [*ARMS],
        "features": {"names": ["visits"], "means": [2.0], "scales": [4.0]},
        "models": [
            {"weights": [0.0, 1.0], "root": [[0.5], [0.0, 0.5]]},
            {"weights": [0.0, -1.0], "root": [[0.5], [0.0, 0.5]]},
            {"weights": [-9.0, 0.0], "root": [[0.5], [0.0, 0.5]]},
        ],
        "bonus": 1.0,
        "gamma": 10.0,
        **changed,
    }


@given(content=st.one_of(_json, _states()), context=_contexts)
def test_no_state_takes_the_floor_from_an_arm_or_gives_chances_that_are_none(
    content: Any, context: dict[str, float]
) -> None:
    chances = _policy(content).weights(context)
    assert len(chances) == len(ARMS)
    assert min(chances) >= FLOOR - 1e-12
    assert isclose(sum(chances), 1)


@given(content=_states(), context=_contexts)
def test_what_was_kept_as_json_gives_the_same_chances_to_the_same_visitor(
    content: Any, context: dict[str, float]
) -> None:
    kept = json.loads(json.dumps(content))
    one = _policy(content).weights(context)
    assert _policy(kept).weights(context) == one


@given(
    scores=st.lists(_numbers, min_size=1, max_size=120),
    gamma=st.floats(0, 1e6),
)
def test_a_better_arm_by_its_score_never_has_the_smaller_chance(
    scores: list[float], gamma: float
) -> None:
    chances = by_gap(scores, gamma=gamma)
    assert isclose(sum(chances), 1)
    assert min(chances) >= min(FLOOR, 1 / len(scores)) - 1e-12
    ranked = [chance for _, chance in sorted(zip(scores, chances, strict=True))]
    assert all(low <= high + 1e-12 for low, high in zip(ranked, ranked[1:], strict=False))


def test_chances_by_the_gap_are_those_of_the_formula() -> None:
    # 1 / (3 + 10 * 0.2) and 1 / (3 + 10 * 0.5), and the rest for the best.
    assert by_gap([0.5, 0.3, 0.0], gamma=10) == pytest.approx([0.675, 0.2, 0.125])


def test_chances_by_a_wide_gap_end_at_the_floor() -> None:
    assert by_gap([0.0, 1.0], gamma=1e9) == pytest.approx([0.01, 0.99])


@given(chances=st.lists(st.floats(0, 1), min_size=1, max_size=120), floor=st.floats(-1, 1))
def test_a_floor_is_added_to_each_arm_and_keeps_their_order(
    chances: list[float], floor: float
) -> None:
    with_floor = floored(chances, floor=floor)
    assert isclose(sum(with_floor), 1)
    assert min(with_floor) >= min(max(floor, 0), 1 / len(chances)) - 1e-12
    ranked = [chance for _, chance in sorted(zip(chances, with_floor, strict=True))]
    assert all(low <= high + 1e-12 for low, high in zip(ranked, ranked[1:], strict=False))


def test_the_least_chances_that_there_are_are_divided_as_others() -> None:
    assert floored([5e-324], floor=0.5) == (1.0,)
    assert floored([5e-324, 5e-324], floor=0.25) == (0.5, 0.5)


def test_chances_that_say_nothing_are_equal() -> None:
    assert floored([0, 0]) == (0.5, 0.5)
    assert floored([nan, 1]) == (0.5, 0.5)


@pytest.mark.parametrize(
    "content",
    [
        {},
        None,
        [],
        _linear(arms=["usual", "new"]),
        _linear(arms=["new", "usual", "newest"]),
        _linear(kind="roulette"),
        _linear(models=[]),
        _linear(bonus=None),
        _linear(features={"names": ["visits"], "means": [], "scales": [1.0]}),
        _linear(features={"names": ["visits"], "means": [0.0], "scales": [0.0]}),
        _linear(models=[{"weights": [1.0]}] * 3),
        _linear(models=[{"weights": [1.0, nan], "root": [[1.0], [0.0, 1.0]]}] * 3),
        {"kind": "thompson", "arms": [*ARMS], "chances": [0.5, 0.5]},
        {"kind": "thompson", "arms": [*ARMS], "chances": [0.9, 0.9, 0.9]},
        {"kind": "thompson", "arms": [*ARMS], "chances": None},
    ],
)
def test_a_state_that_says_nothing_of_these_arms_leaves_them_as_they_began(content: Any) -> None:
    assert _policy(content) == Shares(_START)


def test_a_state_that_gives_an_arm_nothing_gives_it_the_floor_all_the_same() -> None:
    content = {"kind": "thompson", "arms": [*ARMS], "chances": [0.0, 0.3, 0.7]}
    assert _policy(content).weights({}) == pytest.approx((0.01, 0.301, 0.689))


def test_what_another_kind_of_bandit_learned_says_nothing() -> None:
    content = {"kind": "thompson", "arms": [*ARMS], "chances": [0.1, 0.2, 0.7]}
    assert _policy(content, kind="linucb") == Shares(_START)


def test_a_state_of_thompson_is_the_same_for_everybody() -> None:
    content = {"kind": "thompson", "arms": [*ARMS], "chances": [0.1, 0.2, 0.7]}
    policy = _policy(content)
    assert policy.weights({"visits": 7.0}) == (0.1, 0.2, 0.7)
    assert policy.names == ()


def test_a_bandit_that_waits_says_already_what_it_will_look_at() -> None:
    policy = _policy(_linear(models=None))
    assert policy == Waiting(Features(("visits",), (2.0,), (4.0,)), _START)
    assert policy.weights({"visits": 100.0}) == _START
    assert policy.names == ("visits",)


def test_linucb_gives_all_but_the_floors_to_the_arm_that_suits_a_visitor() -> None:
    policy = _policy(_linear())
    assert isinstance(policy, Optimist)
    assert policy.weights({"visits": 10.0}) == pytest.approx([0.98, 0.01, 0.01])
    assert policy.weights({"visits": -6.0}) == pytest.approx([0.01, 0.98, 0.01])


def test_linucb_shares_between_arms_that_are_even() -> None:
    policy = _policy(_linear())
    assert policy.weights({}) == pytest.approx([0.495, 0.495, 0.01])


def test_linucb_credits_an_arm_with_what_is_not_known_of_it() -> None:
    models = (Model((0.0, 0.0), ((0.1,), (0.0, 0.1))), Model((-0.2, 0.0), ((0.5,), (0.0, 0.5))))
    features = Features(("visits",), (0.0,), (1.0,))
    assert Optimist(features, models, bonus=0.0).weights({})[0] == pytest.approx(0.99)
    assert Optimist(features, models, bonus=1.0).weights({})[0] == pytest.approx(0.01)


def test_inverse_gaps_are_those_of_what_suits_a_visitor() -> None:
    policy = _policy(_linear(kind="inverse_gap"))
    assert isinstance(policy, InverseGap)
    # Scores 0.5, -0.5 and -9.
    assert policy.weights({"visits": 4.0}) == pytest.approx(
        [1 - 1 / 13 - 1 / 98, 1 / 13, 1 / 98], abs=1e-12
    )


def test_a_feature_that_is_missing_or_no_number_counts_as_the_mean() -> None:
    features = Features(("visits", "orders"), (2.0, 5.0), (4.0, 1.0))
    assert features.vector({"visits": 4.0}) == (1.0, 0.5, 0.0)
    assert features.vector({"visits": nan, "orders": 6.0}) == (1.0, 0.0, 1.0)


def test_a_visitor_who_is_far_out_counts_as_one_at_the_edge() -> None:
    features = Features(("visits",), (0.0,), (1.0,))
    assert features.vector({"visits": 1e300}) == (1.0, 5.0)
    assert features.vector({"visits": -1e300}) == (1.0, -5.0)


def test_pages_are_decided_without_numpy() -> None:
    program = (
        "import sys; sys.modules['numpy'] = None\n"
        "from personalization.experiments.bandits.policy import policy_of\n"
        "print(policy_of({}, kind='thompson', arms=['a', 'b'], weights=[0.5, 0.5]).weights({}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "(0.5, 0.5)"


@given(
    features=st.dictionaries(st.sampled_from(["visits", "orders", "segment.loyal"]), _json),
    segments=st.frozensets(st.sampled_from(["loyal", "new"])),
)
def test_of_a_visitor_only_numbers_and_memberships_that_are_asked_for_are_known(
    features: dict[str, Any], segments: frozenset[str]
) -> None:
    names = ("visits", "segment.loyal", "segment.new")
    found = context_of(names, features=features, segments=segments)
    assert found["segment.loyal"] == float("loyal" in segments)
    assert found["segment.new"] == float("new" in segments)
    assert "orders" not in found
    assert ("visits" in found) == is_number(features.get("visits"))
    assert all(abs(value) <= 1e100 for value in found.values())


def test_nothing_that_is_asked_for_is_nothing() -> None:
    assert context_of((), features={"visits": 1}, segments={"loyal"}) == {}


@given(
    names=st.lists(st.text(max_size=8), unique=True, max_size=5),
    mean=_numbers,
    scale=st.floats(1e-6, 1e6),
)
def test_features_go_to_json_and_back(names: list[str], mean: float, scale: float) -> None:
    features = Features(tuple(names), (mean,) * len(names), (scale,) * len(names))
    assert Features.from_json(json.loads(json.dumps(features.to_json()))) == features
