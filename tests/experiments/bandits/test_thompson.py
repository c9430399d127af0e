from __future__ import annotations

import json
from math import erf, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.experiments.bandits.policy import floored
from personalization.experiments.bandits.thompson import (
    Belief,
    Prior,
    Weighed,
    believed,
    beta,
    chances_of,
    gaussian,
    share_of_top_two,
    share_of_wins,
)

#: Visitors, sum and sum of squares of four arms; gbstats 0.8.0, `BanditsSimple` with seed 100.
ARMS = ((1000, 10.0, 2000.0), (1000, 20.0, 2000.0), (1000, 30.0, 2000.0), (1000, 300.0, 20000.0))
BEST = [0.0113, 0.0156, 0.0195, 0.9536]
#: By its floor.
SHARES = {
    0.0: [0.12785, 0.1696, 0.216, 0.48655],
    -0.3: [0.12785, 0.1696, 0.216, 0.48655],
    0.1: [0.17671, 0.20176, 0.2296, 0.39193],
    0.5: [0.25, 0.25, 0.25, 0.25],
}


def _beliefs() -> list[Belief]:
    return [
        believed(total / n, (squares - total**2 / n) / (n - 1) / n) for n, total, squares in ARMS
    ]


def test_the_share_of_wins_is_that_of_growthbook() -> None:
    assert share_of_wins(gaussian(_beliefs(), seed=100)) == pytest.approx(BEST, abs=1e-5)


@pytest.mark.parametrize("floor", SHARES)
def test_the_share_of_the_best_two_is_that_of_growthbook(floor: float) -> None:
    shares = share_of_top_two(gaussian(_beliefs(), seed=100)).tolist()
    assert floored(shares, floor=floor) == pytest.approx(SHARES[floor], abs=1e-5)


def test_the_share_of_wins_of_two_arms_is_the_chance_that_one_is_better() -> None:
    draws = gaussian([Belief(0.0, 1.0), Belief(1.0, 3.0)], seed=1, n=200_000)
    # The difference is normal with mean 1 and variance 4.
    assert share_of_wins(draws)[1] == pytest.approx(0.5 * (1 + erf(0.5 / sqrt(2))), abs=0.005)


def test_the_share_of_wins_of_two_rates_is_the_chance_that_one_is_better() -> None:
    # P(B > A) for 120 and 150 of 1000 and flat priors, by the closed form of Evan Miller.
    draws = beta([120, 150], [880, 850], seed=1, n=200_000)
    assert share_of_wins(draws)[1] == pytest.approx(0.9750678, abs=0.002)


def test_even_draws_share_the_win() -> None:
    assert share_of_wins(np.array([[1.0, 1.0], [0.0, 2.0]])).tolist() == [0.25, 0.75]


def test_a_prior_pulls_a_mean_by_its_precision() -> None:
    assert believed(2.0, 0.5, prior=Prior(0.0, 2.0)) == Belief(1.0, 0.25)


@pytest.mark.parametrize("variance", [0.0, -1.0, float("nan")])
def test_a_mean_without_variance_is_refused(variance: float) -> None:
    with pytest.raises(ValueError, match="says nothing"):
        believed(1.0, variance)


@given(
    rewards=st.lists(st.floats(-100, 100), min_size=2, max_size=40),
    chance=st.floats(0.01, 1),
)
def test_visitors_of_the_same_chance_have_the_usual_mean_and_variance(
    rewards: list[float], chance: float
) -> None:
    found = Weighed.of(np.array(rewards), np.full(len(rewards), chance))
    n = len(rewards)
    assert found.units == n
    assert found.mean == pytest.approx(np.mean(rewards), abs=1e-9)
    assert found.variance == pytest.approx(np.var(rewards, ddof=1) / n, rel=1e-9, abs=1e-9)


def test_nobody_has_no_mean() -> None:
    with pytest.raises(ValueError, match="Nobody"):
        Weighed.of(np.array([]), np.array([]))


def test_a_day_on_which_everybody_buys_does_not_count_for_the_arm_shown_then() -> None:
    """Two arms that are the same; the second one was shown more on the better day."""
    rng = np.random.default_rng(3)
    rewards, chances = [], []
    for rate, chance in ((0.1, 0.1), (0.5, 0.9)):
        n = int(20_000 * chance)
        rewards.append(rng.random(n) < rate)
        chances.append(np.full(n, chance))
    found = Weighed.of(np.concatenate(rewards).astype(float), np.concatenate(chances))
    assert np.concatenate(rewards).mean() > 0.4  # as it looks
    assert found.mean == pytest.approx(0.3, abs=0.02)  # as it is


@given(n=st.integers(100, 10_000), share=st.floats(0.01, 0.99))
def test_as_many_visitors_tell_as_much_of_a_rate_as_there_are(n: int, share: float) -> None:
    won = round(n * share)
    if not 0 < won < n:
        return
    rewards = np.zeros(n)
    rewards[:won] = 1
    found = Weighed.of(rewards, np.full(n, 0.5))
    assert found.effective == pytest.approx(n - 1)


def _weighed(*rewards: Any) -> list[Weighed]:
    return [Weighed.of(np.array(each, float), np.full(len(each), 0.5)) for each in rewards]


def test_fewer_than_a_hundred_visitors_in_an_arm_move_nothing() -> None:
    assert chances_of(_weighed([1] * 99, [0] * 5000), rates=True, seed=1) is None
    assert chances_of(_weighed([1] * 100, [0] * 100), rates=True, seed=1) is not None
    assert chances_of([], rates=True, seed=1) is None


def test_visitors_who_all_bring_the_same_move_nothing() -> None:
    assert chances_of(_weighed([0] * 200, [0] * 200), rates=False, seed=1) is None


def test_an_arm_in_which_nobody_bought_is_not_sure_to_be_worth_nothing() -> None:
    bought = [0.0] * 199 + [1.0]
    chances = chances_of(_weighed(bought, [0.0] * 200), rates=False, seed=1)
    assert chances is not None
    assert 0.05 < chances[1] < 0.5


@pytest.mark.parametrize("rates", [True, False])
def test_an_arm_that_is_clearly_better_wins_nearly_always(rates: bool) -> None:
    arms = _weighed([1, 0, 0, 0] * 250, [1, 0] * 500)
    chances = chances_of(arms, rates=rates, seed=1)
    assert chances is not None
    assert chances[1] > 0.99


@pytest.mark.parametrize("rates", [True, False])
def test_the_same_seed_gives_the_same_chances(rates: bool) -> None:
    arms = _weighed([1, 0, 0, 0] * 50, [1, 0, 0] * 60)
    one, two = (chances_of(arms, rates=rates, seed=8) for _ in range(2))
    other = chances_of(arms, rates=rates, seed=9)
    assert one is not None
    assert two is not None
    assert other is not None
    assert json.dumps(one.tolist()) == json.dumps(two.tolist())
    assert one.tolist() != other.tolist()
