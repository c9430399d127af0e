"""Estimates beside the truth, in worlds where it is known: 200 logs of 2,000 decisions each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from personalization.experiments.ope import (
    Decisions,
    Estimate,
    Floats,
    dr,
    expected_of,
    ips,
    snips,
    weights_of,
)

LOGS, N, N_ARMS = 200, 2000, 3
#: What an arm brings, by the place of the visitor on a line.
LEVEL, SLOPE = np.array([1.0, 1.2, 0.8]), np.array([0.0, 0.5, -0.5])
#: What the judged policy does by the same place.
TEMPER = np.array([0.0, 2.0, -2.0])


def _chances(x: Floats, *, temper: float) -> Floats:
    """Return a policy that likes the arms by what suits the visitor, none below 5 %."""
    score = np.exp(temper * np.outer(x, TEMPER))
    chances: Floats = 0.05 + 0.85 * score / score.sum(axis=1, keepdims=True)
    return chances


def _log(seed: int) -> tuple[Decisions, Floats]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=N)
    logged = _chances(x, temper=-0.5)  # of the opposite opinion
    arm = (rng.random(N)[:, None] > logged.cumsum(axis=1)[:, :-1]).sum(axis=1)
    reward = LEVEL[arm] + SLOPE[arm] * x + rng.normal(size=N)
    log = Decisions(
        arm=arm,
        chance=logged[np.arange(N), arm],
        reward=reward,
        vectors=np.column_stack([np.ones(N), x]),
        n_arms=N_ARMS,
    )
    return log, _chances(x, temper=1.0)


@cache
def _truth() -> float:
    x = np.random.default_rng(0).normal(size=500_000)
    return float((_chances(x, temper=1.0) * (LEVEL + np.outer(x, SLOPE))).sum(axis=1).mean())


@cache
def runs() -> dict[str, list[Estimate]]:
    found: dict[str, list[Estimate]] = {"ips": [], "snips": [], "dr": []}
    for seed in range(LOGS):
        log, chances = _log(seed)
        weights = weights_of(log, chances)
        found["ips"].append(ips(log, weights))
        found["snips"].append(snips(log, weights))
        found["dr"].append(dr(log, chances, weights, expected=expected_of(log)))
    return found


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_the_mean_of_many_logs_is_the_truth(name: str) -> None:
    values = np.array([one.value for one in runs()[name]])
    error = values.std(ddof=1) / np.sqrt(LOGS)
    assert abs(values.mean() - _truth()) < 3.5 * error + 0.002


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_the_interval_holds_the_truth_nineteen_times_of_twenty(name: str) -> None:
    truth = _truth()
    covered = np.mean([one.low <= truth <= one.high for one in runs()[name]])
    assert 0.89 <= covered <= 0.99


def test_dr_varies_less_than_snips_and_that_less_than_ips() -> None:
    spread = {
        name: float(np.std([one.value for one in runs()[name]])) for name in ("ips", "snips", "dr")
    }
    assert spread["dr"] < 0.9 * spread["snips"] < 0.9 * spread["ips"]


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_the_standard_error_is_how_much_estimates_vary(name: str) -> None:
    varied = np.std([one.value for one in runs()[name]], ddof=1)
    assert np.mean([one.error for one in runs()[name]]) == pytest.approx(varied, rel=0.15)


def _judged(change: Callable[[Decisions], Decisions]) -> float:
    values = []
    for seed in range(60):
        log, chances = _log(seed)
        wrong = change(log)
        weights = weights_of(wrong, chances)
        values.append(dr(wrong, chances, weights, expected=expected_of(wrong)).value)
    return float(np.mean(values))


def test_dr_is_right_where_the_model_knows_nothing_of_who_is_who() -> None:
    def blind(log: Decisions) -> Decisions:
        return Decisions(
            arm=log.arm,
            chance=log.chance,
            reward=log.reward,
            vectors=log.vectors[:, :1],
            n_arms=N_ARMS,
        )

    assert _judged(blind) == pytest.approx(_truth(), abs=0.03)


def test_dr_is_right_where_the_chances_are_wrong_and_the_model_is_not() -> None:
    def misled(log: Decisions) -> Decisions:
        return Decisions(
            arm=log.arm,
            chance=np.full(len(log), 1 / 3),
            reward=log.reward,
            vectors=log.vectors,
            n_arms=N_ARMS,
        )

    assert _judged(misled) == pytest.approx(_truth(), abs=0.03)
