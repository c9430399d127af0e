from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.experiments.ope import (
    Decisions,
    Floats,
    always,
    dr,
    expected_of,
    fixed,
    ips,
    snips,
    weights_of,
)


def decisions(arm: Any, chance: Any, reward: Any, *, n_arms: int = 2, x: Any = None) -> Decisions:
    arms = np.array(arm, np.intp)
    vectors = np.ones((len(arms), 1)) if x is None else np.column_stack([np.ones(len(arms)), x])
    return Decisions(
        arm=arms,
        chance=np.broadcast_to(np.array(chance, float), arms.shape),
        reward=np.array(reward, float),
        vectors=vectors,
        n_arms=n_arms,
    )


@st.composite
def logs(draw: st.DrawFn) -> tuple[Decisions, Floats]:
    """Decisions with the chances of a policy that took them, (n, arms)."""
    n_arms, n = draw(st.integers(2, 4)), draw(st.integers(10, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    chances = rng.dirichlet(np.ones(n_arms), size=n) * 0.9 + 0.1 / n_arms
    arm = np.array([rng.choice(n_arms, p=row) for row in chances])
    found = decisions(
        arm, chances[np.arange(n), arm], rng.normal(size=n), n_arms=n_arms, x=rng.normal(size=n)
    )
    return found, chances


# -- by hand ---------------------------------------------------------------------------------

#: Two arms: what was taken with which chance, and what it brought.
HAND = decisions([0, 0, 1, 1], [0.5, 0.8, 0.2, 0.5], [1, 0, 2, 4])


def test_ips_is_the_mean_of_what_each_weight_brought() -> None:
    weights = weights_of(HAND, always(1, n=4, n_arms=2))
    assert weights.each.tolist() == [0, 0, 5, 2]
    assert ips(HAND, weights).value == pytest.approx((5 * 2 + 2 * 4) / 4)


def test_snips_divides_by_the_weights() -> None:
    weights = weights_of(HAND, always(1, n=4, n_arms=2))
    assert snips(HAND, weights).value == pytest.approx((5 * 2 + 2 * 4) / 7)


def test_dr_adds_to_what_is_expected_what_it_missed() -> None:
    chances = always(1, n=4, n_arms=2)
    expected = np.tile([0.5, 3.0], (4, 1))
    found = dr(HAND, chances, weights_of(HAND, chances), expected=expected)
    assert found.value == pytest.approx(3 + (5 * (2 - 3) + 2 * (4 - 3)) / 4)


def test_as_much_is_told_as_by_equal_ones() -> None:
    weights = weights_of(HAND, always(1, n=4, n_arms=2))
    assert weights.effective == pytest.approx((5 + 2) ** 2 / (25 + 4))
    assert weights.most == 5
    assert weights.clipped == 0


def test_weights_that_are_too_large_are_cut_and_it_is_said() -> None:
    weights = weights_of(HAND, always(1, n=4, n_arms=2), most=3.0)
    assert weights.each.tolist() == [0, 0, 3, 2]
    assert weights.most == 5
    assert weights.clipped == 0.25


def test_an_interval_is_that_of_the_normal_distribution() -> None:
    weights = weights_of(HAND, always(1, n=4, n_arms=2))
    found = ips(HAND, weights)
    error = np.std([0, 0, 10, 8], ddof=1) / 2
    assert found.error == pytest.approx(error)
    assert (found.low, found.high) == pytest.approx(
        (found.value - 1.959964 * error, found.value + 1.959964 * error)
    )


def test_a_policy_that_would_have_taken_none_of_the_decisions_cannot_be_told_of() -> None:
    log = decisions([0, 0], 0.5, [1, 1])
    weights = weights_of(log, always(1, n=2, n_arms=2))
    assert weights.effective == 0
    with pytest.raises(ValueError, match="none of these"):
        snips(log, weights)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_decisions_have_no_estimate(n: int) -> None:
    log = decisions([0] * n, 0.5, [1.0] * n)
    with pytest.raises(ValueError, match="fewer than two"):
        ips(log, weights_of(log, always(0, n=n, n_arms=2)))
    assert expected_of(log).shape == (n, 2)


@pytest.mark.parametrize(
    ("arm", "chance", "reward"),
    [
        ([0, 1], [0.5, 0.0], [1, 1]),
        ([0, 1], [0.5, 1.5], [1, 1]),
        ([0, 1], [0.5, float("nan")], [1, 1]),
        ([0, 2], [0.5, 0.5], [1, 1]),
        ([0, -1], [0.5, 0.5], [1, 1]),
        ([0, 1], [0.5, 0.5], [1]),
    ],
)
def test_what_is_no_log_is_refused(arm: Any, chance: Any, reward: Any) -> None:
    with pytest.raises(ValueError, match=r"There|chance"):
        decisions(arm, chance, reward)


# -- laws ------------------------------------------------------------------------------------


@given(log=logs())
def test_the_policy_of_the_log_earns_what_was_earned(log: tuple[Decisions, Floats]) -> None:
    found, chances = log
    weights = weights_of(found, chances)
    mean = found.reward.mean()
    assert weights.each == pytest.approx(np.ones(len(found)))
    assert weights.effective == pytest.approx(len(found))
    assert ips(found, weights).value == pytest.approx(mean)
    assert snips(found, weights).value == pytest.approx(mean)


@given(log=logs(), target=st.integers(0, 10**6), shift=st.floats(-100, 100))
def test_rewards_that_are_all_one_higher_make_snips_one_higher(
    log: tuple[Decisions, Floats], target: int, shift: float
) -> None:
    found, _ = log
    chances = np.random.default_rng(target).dirichlet(np.ones(found.n_arms), size=len(found))
    weights = weights_of(found, chances)
    before = snips(found, weights)
    more = Decisions(
        arm=found.arm,
        chance=found.chance,
        reward=found.reward + shift,
        vectors=found.vectors,
        n_arms=found.n_arms,
    )
    after = snips(more, weights)
    assert after.value == pytest.approx(before.value + shift, abs=1e-6)
    assert after.error == pytest.approx(before.error, abs=1e-6)


@given(log=logs(), most=st.floats(0.01, 20))
def test_how_much_was_cut_is_told(log: tuple[Decisions, Floats], most: float) -> None:
    found, _ = log
    chances = always(0, n=len(found), n_arms=found.n_arms)
    weights = weights_of(found, chances, most=most)
    raw = np.where(found.arm == 0, 1 / found.chance, 0.0)
    assert weights.most == pytest.approx(raw.max())
    assert weights.clipped == pytest.approx((raw > most).mean())
    assert weights.each.max() <= most
    assert 0 <= weights.effective <= len(found) * (1 + 1e-9)


@given(log=logs())
def test_dr_with_nothing_expected_is_ips(log: tuple[Decisions, Floats]) -> None:
    found, _ = log
    chances = fixed([1 / found.n_arms] * found.n_arms, n=len(found))
    weights = weights_of(found, chances)
    nothing = np.zeros((len(found), found.n_arms))
    assert dr(found, chances, weights, expected=nothing) == ips(found, weights)


@given(log=logs(), seed=st.integers(0, 1000))
def test_dr_that_expects_the_truth_does_not_look_at_what_was_taken(
    log: tuple[Decisions, Floats], seed: int
) -> None:
    found, _ = log
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(len(found), found.n_arms))
    exact = Decisions(
        arm=found.arm,
        chance=found.chance,
        reward=truth[np.arange(len(found)), found.arm],
        vectors=found.vectors,
        n_arms=found.n_arms,
    )
    chances = rng.dirichlet(np.ones(found.n_arms), size=len(found))
    estimate = dr(exact, chances, weights_of(exact, chances), expected=truth)
    assert estimate.value == pytest.approx((chances * truth).sum(axis=1).mean())


@given(log=logs())
def test_no_decision_is_judged_by_a_model_that_learned_from_it(
    log: tuple[Decisions, Floats],
) -> None:
    found, _ = log
    before = expected_of(found)
    reward = found.reward.copy()
    reward[3] += 1000
    changed = Decisions(
        arm=found.arm,
        chance=found.chance,
        reward=reward,
        vectors=found.vectors,
        n_arms=found.n_arms,
    )
    after = expected_of(changed)
    together = np.arange(len(found)) % 5 == 3
    assert after[together] == pytest.approx(before[together])
    assert not np.allclose(after[~together], before[~together])


def test_of_an_arm_that_nobody_was_in_the_mean_is_expected() -> None:
    log = decisions([0] * 10, 0.5, [1, 3] * 5)
    assert expected_of(log)[:, 1] == pytest.approx([2.0] * 10, abs=0.3)


def test_brute_force_over_all_logs_has_no_bias() -> None:
    """Two contexts, two arms and two decisions: every log there can be, with its chance."""
    pi = np.array([[0.3, 0.7], [0.9, 0.1]])
    p = np.array([[0.6, 0.4], [0.25, 0.75]])
    brings = np.array([[1.0, 5.0], [2.0, -3.0]])
    truth = float((0.5 * pi * brings).sum())
    mean = 0.0
    for contexts in np.ndindex(2, 2):
        for arms in np.ndindex(2, 2):
            chance = np.prod([0.5 * p[x, a] for x, a in zip(contexts, arms, strict=True)])
            log = decisions(
                arms,
                [p[x, a] for x, a in zip(contexts, arms, strict=True)],
                [brings[x, a] for x, a in zip(contexts, arms, strict=True)],
            )
            mean += chance * ips(log, weights_of(log, pi[list(contexts)])).value
    assert mean == pytest.approx(truth)
