"""Sums of units tell the same as the units do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from personalization.experiments.statistics.adjusted_ratios import (
    AdjustedRatio,
    theta_of_ratios,
)
from personalization.experiments.statistics.samples import (
    Adjusted,
    Doubles,
    Mean,
    Proportion,
    Ratio,
    Sample,
    pooled_theta,
    theta_of,
    winsorised,
)
from tests.effort import examples
from tests.experiments.statistics.samples import arrays, compared, pairs


def close(value: float, *, to: float = 1.0) -> object:
    """Return what is equal to `value` but for the rounding of sums of squares as large as `to`."""
    return pytest.approx(value, rel=1e-6, abs=1e-9 * max(to, 1.0))


@examples(60)
@given(arrays())
def test_a_mean_is_that_of_the_values(values: Doubles) -> None:
    sample, size = Mean.of(values), float(np.abs(values).max())
    assert sample.n == len(values)
    assert sample.mean == close(values.mean(), to=size)
    assert sample.variance == close(values.var(ddof=1), to=size * size)
    assert sample.covariance == sample.variance
    assert sample.unadjusted is sample


@examples(30)
@given(st.lists(st.booleans(), min_size=2))
def test_a_share_is_the_mean_of_flags(flags: list[bool]) -> None:
    sample = Proportion.of(flags)
    assert (sample.n, sample.mean) == (len(flags), pytest.approx(np.mean(flags)))
    assert sample.variance == close(float(np.var(flags)))


def test_a_share_of_one_unit_does_not_vary() -> None:
    assert Proportion(1, 0.5).variance == 0


def test_the_same_value_everywhere_is_no_variance_of_rounding() -> None:
    for value in (0.1, 1e6 + 0.1, 1 / 3):
        assert Mean.of([value] * 1000).variance == 0
        assert Ratio.of([value] * 1000, [3.3] * 1000).variance == 0


@examples(60)
@given(pairs())
def test_a_ratio_varies_as_its_units_do_around_it(both: tuple[Doubles, Doubles]) -> None:
    above, below = both
    assume(below.any())
    sample = Ratio.of(above, below)
    ratio = above.sum() / below.sum()
    assert sample.mean == pytest.approx(ratio)
    parts = (above - ratio * below) / below.mean()
    assert sample.variance == close(parts.var(ddof=1), to=float(np.square(parts).max()))


def test_a_ratio_over_ones_is_a_mean() -> None:
    values = [0.0, 0.0, 12.5, 3.0, 7.25]
    ratio, mean = Ratio.of(values, [1.0] * 5), Mean.of(values)
    assert (ratio.mean, ratio.variance) == pytest.approx((mean.mean, mean.variance))


@examples(60)
@given(pairs(), st.floats(-3, 3))
def test_adjusted_units_are_their_values_less_what_was_before(
    both: tuple[Doubles, Doubles], theta: float
) -> None:
    after, before = both
    sample, left = Adjusted.of(after, before, theta), after - theta * before
    size = float(np.abs(after).max() + abs(theta * before).max()) ** 2
    assert sample.mean == close(left.mean(), to=size)
    assert sample.variance == close(left.var(ddof=1), to=size)
    assert sample.covariance == close(np.cov(left, after)[0, 1], to=size)
    assert sample.unadjusted == Mean.of(after)


@examples(60)
@given(st.lists(pairs(), min_size=1, max_size=4))
def test_theta_is_the_slope_over_the_units_of_all_arms(arms: list[tuple[Doubles, Doubles]]) -> None:
    after, before = (np.concatenate(every) for every in zip(*arms, strict=True))
    theta = theta_of(arms)
    if before.var() == 0 or after.var() == 0:
        assert theta == 0
    else:
        assert theta == pytest.approx(np.polyfit(before, after, 1)[0], abs=1e-6)
    assert theta == pooled_theta(Adjusted.of(*arm, 17.0) for arm in arms)


@examples(60)
@given(st.lists(pairs(), min_size=2, max_size=3), st.floats(-3, 3))
def test_no_other_theta_leaves_less_variance(
    arms: list[tuple[Doubles, Doubles]], other: float
) -> None:
    """The best one, over all units together, is never worse than taking out nothing."""
    after, before = (np.concatenate(every) for every in zip(*arms, strict=True))
    best = Adjusted.of(after, before, theta_of(arms)).variance
    slack = 1e-9 * (1 + Mean.of(after).squares)
    assert best <= Mean.of(after).variance + slack
    assert best <= Adjusted.of(after, before, other).variance + slack


def test_shares_before_are_taken_out_of_shares() -> None:
    arms = [
        Adjusted(Proportion(300, 30), Proportion(300, 60), 20.0, 0.0),
        Adjusted(Proportion(300, 45), Proportion(300, 60), 25.0, 0.0),
    ]
    did, before = np.zeros(600), np.zeros(600)
    did[:75], before[:45], before[300:375] = 1, 1, 1
    assert pooled_theta(arms) == pytest.approx(np.polyfit(before, did, 1)[0])


@examples(40)
@given(st.lists(st.tuples(*[st.integers(0, 30).map(float)] * 4), min_size=2, max_size=30))
def test_an_adjusted_ratio_varies_as_its_units_do(rows: list[tuple[float, ...]]) -> None:
    above, below, above_before, below_before = np.array(rows).T
    assume(below.any() and below_before.any())
    after, before, theta = (above, below), (above_before, below_before), 0.7
    sample = AdjustedRatio.of(after, before, theta)
    late, early = ((one - one.sum() / per.sum() * per) / per.mean() for one, per in (after, before))
    size = float((np.abs(late) + np.abs(early)).max()) ** 2
    assert sample.mean == close(above.sum() / below.sum() - theta * sample.before.mean)
    assert sample.variance == close((late - theta * early).var(ddof=1), to=size)
    assert sample.covariance == close(np.cov(late - theta * early, late)[0, 1], to=size)
    assert sample.unadjusted == Ratio.of(above, below)


def test_the_theta_of_ratios_takes_most_out() -> None:
    rng = np.random.default_rng(4)
    below = rng.poisson(5, (2, 400)) + 1.0
    before, noise = rng.poisson(below), rng.poisson(1, (2, 400))
    arms = [
        AdjustedRatio.of((before[arm] + noise[arm], below[arm]), (before[arm], below[arm]), 0.0)
        for arm in (0, 1)
    ]
    theta = theta_of_ratios(arms)

    def left(by: float) -> float:
        return sum(AdjustedRatio(arm.after, arm.before, arm.products, by).variance for arm in arms)

    assert left(theta) < left(0.0) / 2
    assert all(left(theta) <= left(theta + by) for by in (-0.1, -0.01, 0.01, 0.1))


def test_nothing_is_taken_out_of_ratios_that_did_not_differ() -> None:
    flat = AdjustedRatio.of(([1.0, 2.0], [1.0, 1.0]), ([3.0, 3.0], [1.0, 1.0]), 0.0)
    empty = AdjustedRatio.of(([1.0, 2.0], [1.0, 1.0]), ([0.0, 0.0], [0.0, 0.0]), 0.0)
    assert theta_of_ratios([flat, flat]) == 0
    assert theta_of_ratios([empty, flat]) == 0
    assert theta_of_ratios([]) == 0


@examples(60)
@given(compared())
def test_no_sample_has_a_negative_variance_or_none(both: tuple[Sample, Sample]) -> None:
    for sample in both:
        assert np.isfinite([sample.mean, sample.variance, sample.covariance]).all()
        assert sample.variance >= 0


@examples(40)
@given(arrays(st.floats(0, 1e3), least=0), st.floats(0, 1))
def test_only_what_stands_out_is_set_back(values: Doubles, quantile: float) -> None:
    bounded = winsorised(values, quantile)
    assert (bounded <= values).all()
    some = values[values > 0]
    if len(some):
        limit = np.quantile(some, quantile)
        assert (bounded[values <= limit] == values[values <= limit]).all()
        assert (bounded[values > limit] == limit).all()


def test_zeros_do_not_lower_what_counts_as_standing_out() -> None:
    spent = np.array([0.0] * 990 + [10.0] * 9 + [10_000.0])
    assert winsorised(spent, 0.9).max() == pytest.approx(10 + 0.1 * (10_000 - 10))
    assert (winsorised(np.zeros(5), 0.9) == 0).all()
