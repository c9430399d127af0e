"""Intervals that hold at every look: what they cost, what they cover, and published anchors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.experiments.statistics.boundary import (
    TUNING,
    always_valid_p,
    always_valid_p_of_one_side,
    reach,
    rho_of,
)
from personalization.experiments.statistics.frequentist import welch
from personalization.experiments.statistics.samples import Adjusted, Mean, Proportion, Sample
from personalization.experiments.statistics.sequential import always_valid
from tests.effort import examples
from tests.experiments.statistics.samples import compared

ONE, OTHER = Mean(3000, 1396.87, 52377.9767), Mean(3461, 2422.7, 134698.29)


def test_anchors() -> None:
    """Of the tests of GrowthBook's engine (gbstats 0.8.0), to all digits that they have."""
    told = always_valid(Proportion(3000, 1396), Proportion(3461, 2422), relative=True)
    assert (told.effect, told.low, told.high) == pytest.approx(
        (0.50386, 0.40098, 0.60675), abs=6e-6
    )
    assert told.p_value == pytest.approx(5.17e-44, rel=1e-3)
    assert rho_of() == pytest.approx(0.0398401, abs=5e-8)


def test_anchor_with_cuped() -> None:
    arms = (
        Adjusted(ONE, Mean(3000, 16.87, 527.9767), 1.0, -0.011403222553755095),
        Adjusted(OTHER, Mean(3461, 22.7, 1348.29), 1.0, -0.011403222553755095),
    )
    told = always_valid(*arms, relative=True)
    assert (told.effect, told.low, told.high) == pytest.approx(
        (0.50338, -0.50969, 1.51646), abs=6e-6
    )


@examples(80)
@given(compared(), st.floats(0.001, 0.2), st.floats(10, 1e6), st.booleans())
def test_an_interval_for_every_look_contains_the_one_for_a_single_look(
    both: tuple[Sample, Sample], alpha: float, tuning: float, relative: bool
) -> None:
    """From a hundred units on: with fewer, and far out, Student's t is the wider one."""
    many = [_as_often(sample) for sample in both]
    single = welch(*many, alpha=alpha, relative=relative)
    always = always_valid(*many, alpha=alpha, relative=relative, tuning=tuning)
    assert always.low <= single.low <= single.high <= always.high
    assert always.p_value >= single.p_value or always.p_value < 1e-6


def _as_often(sample: Sample) -> Sample:
    """Return a mean as exact as that of the sample, of a hundred units more."""
    n = sample.n + 100
    mean, variance = sample.mean, sample.variance
    return Mean(n, n * mean, variance * (n - 1) + n * mean * mean)


@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.05, 0.2])
def test_reach_is_the_least_about_where_it_is_tuned_for(alpha: float) -> None:
    """In standard errors the interval is never as narrow as that of a single look."""
    for tuning in (500, 5000, 100_000):
        rho = rho_of(tuning, alpha=alpha)
        at = [reach(n, rho, alpha=alpha) for n in (tuning / 10, tuning, 10 * tuning)]
        assert at[1] == min(at)
        # eq. 161 is a closed form for the best ρ, right to a few percent
        assert at[1] <= 1.005 * min(
            reach(tuning, rho * by, alpha=alpha) for by in (0.5, 0.9, 1.1, 2)
        )


@examples(60)
@given(st.floats(-9, 9), st.integers(2, 10**7), st.floats(10, 1e6))
def test_p_is_the_alpha_at_which_the_interval_ends_at_0(
    score: float, n: int, tuning: float
) -> None:
    rho = rho_of(tuning)
    p_value = always_valid_p(score, n, rho)
    if 1e-300 < p_value < 1:
        assert reach(n, rho, alpha=p_value) == pytest.approx(abs(score), rel=1e-6)
    one_sided = always_valid_p_of_one_side(score, n, rho)
    if 1e-300 < one_sided < 0.5:
        assert reach(n, rho, alpha=one_sided, one_sided=True) == pytest.approx(score, rel=1e-6)
    elif score < 0:
        assert one_sided == 0.5


def test_the_p_of_an_effect_beyond_doubt_is_0_and_no_overflow() -> None:
    assert always_valid_p(1e6, 10_000, rho_of()) == 0
    assert always_valid_p_of_one_side(1e6, 10_000, rho_of()) == 0
    assert always_valid_p_of_one_side(0.0, 10_000, rho_of()) == 0.5
    below, above = (
        always_valid_p_of_one_side(score, 10_000_000, rho_of()) for score in (37.40, 37.45)
    )
    assert 0 < above < below < 1e-300


def test_one_side_is_found_sooner_than_either() -> None:
    both, more, less = (
        always_valid(ONE, OTHER, sided=sided) for sided in ("two", "greater", "less")
    )
    assert (more.high, less.low) == (math.inf, -math.inf)
    assert both.low < more.low < both.effect < less.high < both.high
    assert more.p_value < both.p_value
    assert less.p_value == 0.5


def test_who_looks_at_every_unit_is_misled_in_fewer_than_one_in_twenty() -> None:
    """2,000 experiments of 4,000 units without any effect, looked at after each from 100 on."""
    rng = np.random.default_rng(3)
    n = np.arange(1, 4001)
    reached = np.array([reach(2 * k, rho_of()) for k in n])
    misled = naive = 0
    for _ in range(2000):
        apart = rng.standard_normal(4000).cumsum() / np.sqrt(n)
        misled += bool((np.abs(apart) > reached)[99:].any())
        naive += bool((np.abs(apart) > 1.96)[99:].any())
    assert misled / 2000 <= 0.05
    assert naive / 2000 > 0.3


def test_tuning_moves_where_it_is_narrow_and_not_the_promise() -> None:
    early, late = (always_valid(ONE, OTHER, tuning=tuning) for tuning in (100, 1e6))
    best = always_valid(ONE, OTHER, tuning=ONE.n + OTHER.n)
    assert best.high - best.low < min(early.high - early.low, late.high - late.low)
    assert always_valid(ONE, OTHER) == always_valid(ONE, OTHER, tuning=TUNING)
