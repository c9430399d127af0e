"""Plans: published anchors, the exact power of SciPy, and that they are what simulations see."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nct
from scipy.stats import t as student

from personalization.experiments.statistics.boundary import reach, rho_of
from personalization.experiments.statistics.planning import (
    UnfitPlan,
    days_needed,
    detectable,
    detectable_of_mean,
    power_of,
    power_of_mean,
    units_needed,
    units_needed_of_mean,
)
from tests.effort import examples

RATES = st.floats(0.005, 0.6)
LIFTS = st.floats(0.02, 0.6)
POWERS = st.floats(0.3, 0.99)


def test_anchor() -> None:
    """10 % that become 12 %, seen with 80 % at α 5 %: statsmodels' `NormalIndPower`."""
    assert units_needed(0.10, 0.20) == pytest.approx(3834.6, abs=0.05)


@examples(60)
@given(RATES, LIFTS, POWERS, st.integers(2, 5), st.booleans())
def test_so_many_units_have_that_power_and_find_that_lift(
    rate: float, lift: float, power: float, arms: int, sequential: bool
) -> None:
    units = units_needed(rate, lift, power=power, arms=arms, sequential=sequential)
    told = power_of(rate, lift, units, arms=arms, sequential=sequential)
    assert told == pytest.approx(power, abs=2e-3)  # of both sides, one of which is the wrong one
    found = detectable(rate, units, power=power, arms=arms, sequential=sequential)
    assert found == pytest.approx(lift, rel=1e-4)


@examples(60)
@given(st.floats(1, 1e3), st.floats(0.1, 50), LIFTS, POWERS, st.booleans())
def test_the_same_holds_of_means(
    mean: float, times: float, lift: float, power: float, sequential: bool
) -> None:
    """`times` is how many times its mean a unit deviates by."""
    deviation = times * mean
    units = units_needed_of_mean(mean, deviation, lift, power=power, sequential=sequential)
    if units < 500:  # then Student's t asks for a few units more
        return
    told = power_of_mean(mean, deviation, lift, units, sequential=sequential)
    assert told == pytest.approx(power, abs=4e-3)
    found = detectable_of_mean(mean, deviation, units, power=power, sequential=sequential)
    assert found == pytest.approx(lift, rel=5e-3)


@pytest.mark.parametrize("distance", [0.8, 0.5, 0.2, 0.05])
def test_units_of_a_mean_have_the_exact_power_of_students_test(distance: float) -> None:
    n = math.ceil(units_needed_of_mean(1.0, 1.0, distance))
    shift, freedom = distance * math.sqrt(n / 2), 2 * n - 2
    limit = student.ppf(0.975, freedom)
    exact = nct.sf(limit, freedom, shift) + nct.cdf(-limit, freedom, shift)
    assert exact + 2e-3 >= 0.8
    assert exact < 0.8 + 0.3 / n + 0.01


def test_a_share_and_its_mean_need_about_the_same() -> None:
    rate, lift = 0.1, 0.2
    deviation = math.sqrt(0.11 * 0.89)
    assert units_needed_of_mean(rate, deviation, lift) == pytest.approx(
        units_needed(rate, lift), rel=0.01
    )


@examples(60)
@given(RATES, LIFTS)
def test_more_is_needed_for_less_and_for_looking_and_for_more_arms(
    rate: float, lift: float
) -> None:
    units = units_needed(rate, lift)
    assert units < units_needed(rate, lift / 2)
    assert units < units_needed(rate, lift, power=0.9)
    assert units < units_needed(rate, lift, alpha=0.01)
    assert units < units_needed(rate, lift, arms=3)
    assert units < units_needed(rate, lift, sequential=True)
    assert units_needed_of_mean(rate, 1, lift, arms=3) > units_needed_of_mean(rate, 1, lift)


def test_a_loss_is_planned_for_like_a_gain() -> None:
    assert units_needed(0.12, -1 / 6) == pytest.approx(units_needed(0.10, 0.20))
    assert power_of(0.12, -1 / 6, 3835) == pytest.approx(0.8, abs=1e-3)
    assert units_needed_of_mean(-10, 3, 0.1) == units_needed_of_mean(10, 3, -0.1)
    assert detectable_of_mean(-10, 3, 500) == detectable_of_mean(10, 3, 500)


def test_a_sequential_plan_is_the_power_of_a_last_look() -> None:
    """10,000 draws of the effect at the end, beside the interval for every look there."""
    rate, lift, units = 0.1, 0.3, 3000
    h = 2 * (math.asin(math.sqrt(rate * (1 + lift))) - math.asin(math.sqrt(rate)))
    drawn = np.random.default_rng(8).normal(h * math.sqrt(units / 2), 1, 10_000)
    found = (np.abs(drawn) > reach(2 * units, rho_of())).mean()
    assert power_of(rate, lift, units, sequential=True) == pytest.approx(found, abs=0.015)


def test_days_are_whole_and_as_many_as_the_slowest_arm_needs() -> None:
    assert days_needed(3834.6, 1000) == 8
    assert days_needed(3834.6, 1000, 0.5) == 16
    assert days_needed(3834.6, 1000, arms=4) == 16
    assert days_needed(500, 1000) == 1
    assert days_needed(500, 0) is None
    assert days_needed(500, 1000, 0.0) is None


@pytest.mark.parametrize(
    ("rate", "lift"),
    [(0, 0.1), (1, -0.1), (-0.1, 0.1), (1.2, 0.1), (0.6, 0.7), (0.1, -1.5), (0.1, 0.0)],
)
def test_shares_that_are_none_cannot_be_planned(rate: float, lift: float) -> None:
    with pytest.raises(UnfitPlan, match="between 0 and 1"):
        units_needed(rate, lift)
    with pytest.raises(UnfitPlan, match="between 0 and 1"):
        power_of(rate, lift, 1000)


def test_what_is_never_found_cannot_be_planned() -> None:
    with pytest.raises(UnfitPlan, match="too small"):
        units_needed(0.5, 1e-9, sequential=True)
    for mean, deviation, lift in ((0.0, 1.0, 0.1), (1.0, 0.0, 0.1), (1.0, 1.0, 0.0)):
        with pytest.raises(UnfitPlan, match="not the same"):
            units_needed_of_mean(mean, deviation, lift)


@pytest.mark.parametrize(
    "settings", [{"alpha": 0.0}, {"alpha": 1.0}, {"arms": 1}, {"power": 0.0}, {"power": 1.0}]
)
def test_settings_that_are_none_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UnfitPlan):
        units_needed(0.1, 0.2, **settings)  # type: ignore[arg-type]
    with pytest.raises(UnfitPlan):
        detectable(0.1, 1000, **settings)  # type: ignore[arg-type]


def test_what_few_units_cannot_find_at_all() -> None:
    assert detectable(0.5, 2) is None
    assert detectable(0.5, 0) is None
    assert detectable_of_mean(10, 3, 0) is None
    assert detectable_of_mean(0, 3, 500) is None
    assert power_of(0.1, 0.2, 0) == 0
    with pytest.raises(UnfitPlan):
        detectable(1.5, 100)


def test_planning_needs_no_numpy() -> None:
    """The admin plans, and the process that serves pages has neither numpy nor scipy."""
    asked = (
        "import sys, personalization.experiments.statistics.planning;"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
