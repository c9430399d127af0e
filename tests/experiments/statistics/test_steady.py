"""Arms that vary less than all their units do are not believed to, for any kind of sample."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from personalization.experiments.statistics.effects import effect_of
from personalization.experiments.statistics.samples import (
    Adjusted,
    Doubles,
    Mean,
    Proportion,
    Ratio,
    Sample,
)
from personalization.experiments.statistics.sequential import always_valid
from personalization.experiments.statistics.steady import steady
from tests.experiments.statistics.samples import compared


@given(compared())
def test_no_arm_changes_but_in_how_much_it_varies_and_that_never_less(
    both: tuple[Sample, Sample],
) -> None:
    for one, steadied in zip(both, steady(*both), strict=True):
        assert (steadied.n, steadied.mean) == (one.n, one.mean)
        assert steadied.unadjusted.mean == one.unadjusted.mean
        assert steadied.variance >= one.variance
        assert steadied.unadjusted.variance >= one.unadjusted.variance
        # As if noise were added to what was measured.
        by = steadied.unadjusted.variance - one.unadjusted.variance
        assert steadied.variance - one.variance == pytest.approx(by, rel=1e-6, abs=1e-6)
        assert steadied.covariance - one.covariance == pytest.approx(by, rel=1e-6, abs=1e-6)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30), st.integers(1, 29))
def test_the_least_is_the_variance_of_all_units_as_one_arm(values: list[float], cut: int) -> None:
    array = np.array([*values, *values])
    one, other = Mean.of(array[: min(cut, 3)]), Mean.of(array[min(cut, 3) :])
    whole = float(np.var(array))
    for each in steady(one, other):
        # n − 1 or n: the arms take theirs for samples.
        assert each.variance >= whole * (1 - 1e-9) - 1e-9


def test_two_arms_of_the_same_size_and_spread_stay_as_they_are() -> None:
    one, other = Proportion(5000, 500), Proportion(5000, 500)
    assert [each.variance for each in steady(one, other)] == pytest.approx([0.09, 0.09])


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        (Proportion(2000, 120), Proportion(2000, 0)),
        (Proportion(200, 0), Proportion(200, 200)),
        (Mean.of([0.0] * 1940 + [25.0] * 60), Mean.of([0.0] * 2000)),
        (Ratio.of([3.0, 0.0] * 500, [2.0, 1.0] * 500), Ratio.of([0.0] * 1000, [1.0] * 1000)),
        (
            Adjusted.of([1.0, 0.0] * 500, [1.0, 0.0, 0.0, 1.0] * 250, 0.1),
            Adjusted.of([0.0] * 1000, [1.0, 0.0] * 500, 0.1),
        ),
    ],
)
def test_an_arm_in_which_all_are_the_same_is_told_from_another(
    control: Sample, treatment: Sample
) -> None:
    found = always_valid(*steady(control, treatment))
    assert found.known
    assert found.p_value < 0.001
    assert found.low * found.high > 0


def test_a_ratio_of_one_order_says_nothing_and_one_of_none_is_none() -> None:
    """One order of 500 beside a hundred of 50 ± 20: with its own variance, 0, or that of an arm
    of a hundred orders it would be sure."""
    ordered = np.array([1.0] * 100 + [0.0] * 900)
    worth = ordered * np.tile([30.0, 70.0], 500)
    control, single = Ratio.of(worth, ordered), Ratio.of([500.0] + [0.0] * 999, [1] + [0] * 999)
    assert effect_of(control, single) is None
    found = always_valid(*steady(control, single))
    assert found.effect == 450
    assert found.error > 300
    assert effect_of(*steady(control, Ratio.of([0.0] * 1000, [0.0] * 1000))) is None


def test_what_a_ratio_is_counted_in_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    above, below = rng.exponential(size=(2, 300)), rng.integers(0, 4, (2, 300))
    one = steady(*(Ratio.of(a, b) for a, b in zip(above, below, strict=True)))
    other = steady(*(Ratio.of(a, 7.0 * b) for a, b in zip(above, below, strict=True)))
    assert [each.variance for each in one] == pytest.approx([49 * each.variance for each in other])


def test_the_lift_of_an_arm_that_lost_all_is_minus_one() -> None:
    found = always_valid(*steady(Proportion(2000, 120), Proportion(2000, 0)), relative=True)
    assert found.effect == -1
    assert found.high < 0


def test_where_nobody_differs_at_all_nothing_is_known() -> None:
    assert effect_of(*steady(Proportion(500, 0), Proportion(500, 0))) is None
    assert effect_of(*steady(Mean(0, 0.0, 0.0), Mean.of([1.0, 2.0]))) is None


def until(looks: NDArray[np.int64], values: Doubles, chosen: NDArray[np.bool_]) -> list[Mean]:
    """Return those chosen of the first units, at each look."""
    sums = [np.cumsum(each * chosen)[looks - 1] for each in (1.0, values, values * values)]
    return [
        Mean(int(n), float(total), float(squares)) for n, total, squares in zip(*sums, strict=True)
    ]


@pytest.mark.parametrize("worth", [False, True], ids=["who buys", "what they spend"])
def test_a_small_holdout_with_few_buyers_is_not_sure_of_how_few(worth: bool) -> None:
    """One in ten held out, one in 200 buys, nothing differs, and one looks every day: by the
    own variance of the arms more were misled than one in twenty."""
    rng = np.random.default_rng(3)
    looks = np.arange(1000, 20_001, 1000)
    misled = {"own": 0, "steady": 0}
    for _ in range(150):
        values = (rng.random(looks[-1]) < 0.005) * 1.0
        if worth:
            values[values > 0] = rng.lognormal(3.5, 1, int(values.sum()))
        held_out = rng.random(looks[-1]) < 0.1
        ever = dict.fromkeys(misled, False)
        for one, other in zip(
            until(looks, values, held_out), until(looks, values, ~held_out), strict=True
        ):
            ever["own"] |= always_valid(one, other).p_value < 0.05
            ever["steady"] |= always_valid(*steady(one, other)).p_value < 0.05
        misled = {name: misled[name] + ever[name] for name in misled}
    assert misled["own"] > 0.05 * 150
    assert misled["steady"] <= 0.05 * 150


def test_with_few_of_anything_an_arm_of_nothing_is_no_evidence() -> None:
    """Whoever has the few buyers there are, by chance, is not believed to be better."""
    rng = np.random.default_rng(8)
    told = 0
    for _ in range(2000):
        one, other = (float(n) for n in rng.binomial(400, 0.005, 2))
        found = always_valid(*steady(Proportion(400, one), Proportion(400, other)))
        assert not math.isnan(found.p_value)
        told += found.p_value < 0.05
    assert told <= 0.01 * 2000
