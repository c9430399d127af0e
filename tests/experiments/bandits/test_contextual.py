from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from personalization.experiments.bandits.contextual import (
    gamma_of,
    learned,
    models_of,
    vectors_of,
)
from personalization.experiments.bandits.policy import (
    FARTHEST,
    Features,
    InverseGap,
    Optimist,
    policy_of,
)
from personalization.experiments.bandits.ridge import Floats, Ridge

# The history of MABWiser's tests (fidelity/mabwiser, tests/test_linucb.py, Apache-2.0).
HISTORY = np.array([
    [0, 1, 2, 3, 5], [1, 1, 1, 1, 1], [0, 0, 1, 0, 0], [0, 2, 2, 3, 5], [1, 3, 1, 1, 1],
    [0, 0, 0, 0, 0], [0, 1, 4, 3, 5], [0, 1, 2, 4, 5], [1, 2, 1, 1, 3], [0, 2, 1, 0, 0],
], float)  # fmt: skip
ASKED = np.array([[0, 1, 2, 3, 5], [1, 1, 1, 1, 1]], float)


def _models(arms: list[int], rewards: list[int]) -> list[Ridge]:
    which, brought = np.array(arms), np.array(rewards, float)
    return [Ridge.of(HISTORY[which == arm], brought[which == arm]) for arm in (1, 2, 3)]


def test_what_arms_are_worth_is_what_mabwiser_says() -> None:
    models = _models([1, 1, 1, 2, 2, 2, 3, 3, 3, 1], [0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
    found = np.array([model.values(ASKED) for model in models]).T
    assert found[0] == pytest.approx([-0.0183784, 0, 0.9966292], abs=1e-5)
    assert found[1] == pytest.approx([0.1405405, 0, 0.4325843], abs=1e-5)


def test_what_is_not_known_of_arms_is_what_mabwiser_says() -> None:
    models = _models([1, 1, 1, 2, 2, 3, 3, 3, 3, 3], [0, 0, 1, 0, 0, 0, 0, 1, 1, 1])
    found = np.array([model.values(ASKED) + model.doubts(ASKED) for model in models]).T
    assert found[0] == pytest.approx([0.9790312, 1.1617706, 1.4247056], abs=1e-5)
    assert found[1] == pytest.approx([0.8896476, 0.9233640, 1.4570856], abs=1e-5)


_matrices = st.integers(0, 12).flatmap(
    lambda n: st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=n, max_size=n)
)


@given(rows=_matrices, seed=st.integers(0, 1000))
def test_the_root_is_of_the_inverse_of_the_ridge_matrix(rows: list[list[float]], seed: int) -> None:
    vectors = np.array(rows, float).reshape(-1, 3)
    rewards = np.random.default_rng(seed).normal(size=len(vectors))
    model = Ridge.of(vectors, rewards)
    inverse = np.linalg.inv(np.eye(3) + vectors.T @ vectors)
    assert model.root.T @ model.root == pytest.approx(inverse, abs=1e-9)
    assert model.theta == pytest.approx(inverse @ (vectors.T @ rewards), abs=1e-9)
    x = np.array([[1.0, -2.0, 0.5]])
    assert model.doubts(x)[0] == pytest.approx(np.sqrt(x[0] @ inverse @ x[0]))


def test_without_anybody_an_arm_is_worth_nothing_and_all_is_doubt() -> None:
    model = Ridge.of(np.zeros((0, 2)), np.zeros(0))
    assert model.theta.tolist() == [0, 0]
    assert model.doubts(np.array([[3.0, 4.0]])).tolist() == [5.0]


def _history(n: int, *, seed: int = 1) -> tuple[Features, Floats, np.ndarray, Floats]:
    """Visitors of two kinds, each of which likes another arm."""
    rng = np.random.default_rng(seed)
    loyal = rng.random(n) < 0.5
    features = Features(("segment.loyal",), (0.5,), (0.5,))
    vectors = vectors_of(features, [{"segment.loyal": float(one)} for one in loyal])
    arms = rng.integers(0, 2, n)
    rewards = (rng.random(n) < np.where(arms == loyal, 0.6, 0.2)).astype(float)
    return features, vectors, arms, rewards


@pytest.mark.parametrize("kind", ["linucb", "inverse_gap"])
def test_what_was_learned_serves_each_visitor_what_suits_them(kind: str) -> None:
    features, vectors, arms, rewards = _history(2000)
    models = models_of(vectors, arms, rewards, n_arms=2)
    state = learned(kind, features, models, arms=["a", "b"], units=2000)
    policy = policy_of(
        json.loads(json.dumps(state)), kind=kind, arms=["a", "b"], weights=[0.5, 0.5]
    )
    assert policy.weights({"segment.loyal": 1.0})[1] > 0.9
    assert policy.weights({"segment.loyal": 0.0})[0] > 0.9


@pytest.mark.parametrize("kind", ["linucb", "inverse_gap"])
def test_what_is_served_scores_as_what_was_learned(kind: str) -> None:
    features, vectors, arms, rewards = _history(500)
    models = models_of(vectors, arms, rewards, n_arms=2)
    assert models is not None
    state = learned(kind, features, models, arms=["a", "b"], units=500)
    policy = policy_of(state, kind=kind, arms=["a", "b"], weights=[0.5, 0.5])
    assert isinstance(policy, Optimist | InverseGap)
    bonus = 1.0 if kind == "linucb" else 0.0
    for context in ({"segment.loyal": 1.0}, {"segment.loyal": 0.0}, {}):
        x = vectors_of(features, [context])
        expected = [float((model.values(x) + bonus * model.doubts(x))[0]) for model in models]
        assert policy.scores(context) == pytest.approx(expected)


def test_fewer_than_a_hundred_visitors_in_an_arm_teach_nothing() -> None:
    _, vectors, arms, rewards = _history(150)
    assert models_of(vectors, arms, rewards, n_arms=2) is None
    assert models_of(vectors[:0], arms[:0], rewards[:0], n_arms=2) is None


def test_visitors_who_all_bring_the_same_teach_nothing() -> None:
    _, vectors, arms, _ = _history(500)
    assert models_of(vectors, arms, np.ones(500), n_arms=2) is None


def test_rewards_of_any_size_teach_the_same() -> None:
    _, vectors, arms, rewards = _history(500)
    one = models_of(vectors, arms, rewards, n_arms=2)
    other = models_of(vectors, arms, 40 + 1000 * rewards, n_arms=2)
    assert one is not None
    assert other is not None
    for arm in range(2):
        assert one[arm].theta == pytest.approx(other[arm].theta)


def test_gamma_makes_the_chance_half_where_the_gap_is_the_error() -> None:
    gamma = gamma_of(arms=4, units=10_000, dimensions=5)
    error = np.sqrt(4 * 5 / 10_000)  # of an arm with a quarter of the visitors
    assert gamma * error == pytest.approx(4)


_floats = st.floats()


@given(
    contexts=st.lists(st.dictionaries(st.sampled_from("abc"), _floats, max_size=3), max_size=8),
    mean=st.floats(-1e6, 1e6),
    scale=st.floats(1e-3, 1e6),
)
@example(contexts=[{"a": 2.0**1023}, {"a": -(2.0**1023)}], mean=0.0, scale=0.5)
def test_vectors_that_are_learned_from_are_those_that_pages_use(
    contexts: list[dict[str, float]], mean: float, scale: float
) -> None:
    features = Features(("a", "b"), (mean, 0.0), (scale, 1.0))
    served = [features.vector(context) for context in contexts]
    assert vectors_of(features, contexts).tolist() == [list(one) for one in served]


def test_what_is_beyond_all_numbers_is_the_farthest_in_what_is_learned_and_on_pages() -> None:
    # No visitor has more than 1e100 of anything; features that hardly vary have such a scale.
    features = Features(("a",), (0.0,), (1e-300,))
    contexts = [{"a": 1e100}, {"a": -1e100}, {"a": 1e-300}]
    standard = [[1.0, FARTHEST], [1.0, -FARTHEST], [1.0, 1.0]]
    assert vectors_of(features, contexts).tolist() == standard
    assert [list(features.vector(context)) for context in contexts] == standard


def test_no_contexts_are_no_vectors() -> None:
    assert vectors_of(Features(("a",), (0.0,), (1.0,)), []).shape == (0, 2)
