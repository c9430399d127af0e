"""From samples to what is told: too few, better, worse, and how sure, without a database."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.experiments.comparing import ALPHA, metric_result
from personalization.experiments.measuring import Measured, Pooled, pooled
from personalization.experiments.results import LEAST_UNITS, Comparison, Interval, MetricResult
from personalization.experiments.statistics.bayesian import posterior
from personalization.experiments.statistics.corrections import holm
from personalization.experiments.statistics.frequentist import welch
from personalization.experiments.statistics.samples import (
    Adjusted,
    Mean,
    Proportion,
    Ratio,
    Sample,
)
from personalization.experiments.statistics.sequential import always_valid
from personalization.experiments.statistics.steady import steady
from tests.experiments.analysis.world import metric


def result(*samples: Sample, amounts: Any = None, **fields: Any) -> MetricResult:
    made = Measured(
        metric=metric("conversion", slug="m", **fields),
        role="primary",
        samples=samples,
        amounts=tuple(amounts or (float(one.n) for one in samples)),
    )
    return metric_result(made, [chr(97 + place) for place in range(len(samples))])


def test_with_too_few_in_one_arm_there_is_no_number() -> None:
    for n, m in ((LEAST_UNITS - 1, 5000), (5000, LEAST_UNITS - 1), (0, 0)):
        found = result(Proportion(n, n // 2), Proportion(m, m // 10))
        [one] = found.comparisons
        assert one.verdict == "too_few"
        assert {
            value for name, value in vars_of(one).items() if name not in ("arm", "verdict")
        } == {None}
        assert [arm.mean for arm in found.arms] == [
            None if each.units < LEAST_UNITS else each.mean for each in found.arms
        ]
        assert [arm.units for arm in found.arms] == [n, m]


def vars_of(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


def test_the_interval_is_the_always_valid_one_and_the_usual_one_is_beside_it() -> None:
    control, treatment = Proportion(3000, 1396), Proportion(3461, 1700)
    [one] = result(control, treatment).comparisons
    found, single = always_valid(*steady(control, treatment)), welch(control, treatment)
    assert one.interval == Interval(found.low, found.high)
    assert (one.p_value, one.difference) == (found.p_value, found.effect)
    assert one.fixed == Interval(single.low, single.high)
    assert one.fixed.low is not None
    assert found.low < one.fixed.low
    assert one.gained == pytest.approx(found.effect * 3461)
    assert one.gained_interval is not None
    assert one.gained_interval.low == pytest.approx(found.low * 3461)
    assert one.lift == pytest.approx((1700 / 3461) / (1396 / 3000) - 1)


@pytest.mark.parametrize(
    ("successes", "less", "verdict"),
    [(900, False, "better"), (100, False, "worse"), (510, False, "unclear"), (900, True, "worse"),
     (100, True, "better"), (490, True, "unclear")],
)  # fmt: skip
def test_the_verdict_follows_from_the_interval_and_from_what_is_better(
    successes: int, less: bool, verdict: str
) -> None:
    [one] = result(
        Proportion(1000, 500), Proportion(1000, successes), less_is_better=less
    ).comparisons
    assert one.verdict == verdict
    assert one.chance_to_win is not None
    assert one.risk is not None
    if verdict != "unclear":
        assert (one.chance_to_win > 0.99) == (verdict == "better")
        assert (one.risk < 0.01) == (verdict == "better")


def test_nobody_who_differs_from_anybody_is_unclear() -> None:
    for n in (0, 200):
        [one] = result(Proportion(200, n), Proportion(200, n)).comparisons
        assert (one.verdict, one.difference) == ("unclear", 0)
        assert (one.interval, one.p_value, one.gained) == (None, None, None)


@pytest.mark.parametrize(
    ("n", "control", "treatment", "verdict"),
    [
        (2000, 120, 0, "worse"), (2000, 0, 120, "better"), (200, 200, 0, "worse"),
        (120, 1, 0, "unclear"), (120, 0, 1, "unclear"), (2000, 4, 0, "unclear"),
        (2000, 2000, 1880, "worse"), (120, 120, 119, "unclear"),
    ],
)  # fmt: skip
def test_an_arm_in_which_nobody_buys_is_judged_by_how_rarely_that_happens(
    n: int, control: int, treatment: int, verdict: str
) -> None:
    for of in (shares_of, values_in):
        [one] = result(of(n, control), of(n, treatment)).comparisons
        assert one.verdict == verdict
        assert one.interval is not None
        assert one.fixed is not None
        assert one.fixed.low is not None  # the usual one knows something too
        assert one.gained == pytest.approx((treatment - control) * (1 if of is shares_of else 9))


def test_lift_and_belief_are_of_what_arms_are_believed_to_vary_by() -> None:
    """One tenth is held out, of whom by chance next to nobody bought."""
    control, treatment = Proportion(500, 1), Proportion(4500, 45)
    [one] = result(control, treatment).comparisons
    arms = steady(control, treatment)
    lift = always_valid(*arms, relative=True)
    assert one.lift_interval == Interval(lift.low, lift.high)
    assert one.chance_to_win == posterior(*arms).chance_to_win
    assert one.chance_to_win < posterior(control, treatment).chance_to_win


def shares_of(n: int, successes: int) -> Sample:
    return Proportion(n, successes)


def values_in(n: int, successes: int) -> Sample:
    return Mean.of([9.0] * successes + [0.0] * (n - successes))


def test_of_nothing_there_is_no_lift() -> None:
    control = Mean.of([-1.0, 1.0] * 100)
    [one] = result(control, Mean.of([4.0, 6.0] * 100)).comparisons
    assert (one.verdict, one.lift, one.lift_interval) == ("better", None, None)


def test_a_ratio_gains_for_all_that_it_is_divided_by() -> None:
    shown, clicked = np.full(500, 4.0), np.arange(500) % 2
    control, treatment = Ratio.of(clicked, shown), Ratio.of(clicked * 2, shown)
    [one] = result(control, treatment, amounts=(2000.0, 2000.0)).comparisons
    assert one.difference == pytest.approx(0.125)
    assert one.gained == pytest.approx(250)


def test_what_is_divided_by_nothing_is_not_0_but_unknown() -> None:
    bought, nobody = Ratio.of([30.0, 70.0] * 100, [1.0] * 200), Ratio.of([0.0] * 200, [0.0] * 200)
    for samples, amounts in (((bought, nobody), (200.0, 0.0)), ((nobody, bought), (0.0, 200.0))):
        found = result(*samples, amounts=amounts)
        assert [vars_of(one) for one in found.comparisons] == [
            vars_of(Comparison(arm="b", verdict="unclear"))
        ]
        assert [arm.mean for arm in found.arms] == [50.0 if amount else None for amount in amounts]


def test_what_cuped_took_away_is_told_and_the_mean_of_an_arm_is_what_was_measured() -> None:
    rng = np.random.default_rng(1)
    early = rng.normal(size=(2, 2000))
    late = early + rng.normal(scale=0.5, size=(2, 2000)) + np.array([[0.0], [0.1]])
    samples = [Adjusted.of(after, before, 1.0) for after, before in zip(late, early, strict=True)]
    found = result(*samples)
    [one] = found.comparisons
    assert one.reduced_by == pytest.approx(0.8, abs=0.03)
    assert found.arms[1].mean == pytest.approx(late[1].mean())
    [plain] = result(*(Mean.of(each) for each in late)).comparisons
    assert plain.reduced_by is None
    assert width(one.interval) < 0.5 * width(plain.interval)


def width(interval: Interval | None) -> float:
    assert interval is not None
    assert interval.low is not None
    assert interval.high is not None
    return interval.high - interval.low


@given(st.lists(st.integers(400, 600), min_size=1, max_size=5))
def test_several_arms_are_held_to_more_by_holm(successes: list[int]) -> None:
    found = result(Proportion(1000, 500), *(Proportion(1000, n) for n in successes)).comparisons
    ps = [one.p_value or 0.0 for one in found]
    assert [one.adjusted_p for one in found] == holm(ps)
    for one, n in zip(found, successes, strict=True):
        assert one.adjusted_p is not None
        if one.verdict == "unclear":
            continue
        assert one.adjusted_p < ALPHA
        assert one.verdict == ("better" if n > 500 else "worse")


def test_what_is_better_alone_may_be_luck_among_many() -> None:
    control, lucky = Proportion(1000, 500), Proportion(1000, 582)
    [alone] = result(control, lucky).comparisons
    assert alone.verdict == "better"
    among = result(control, lucky, *(Proportion(1000, 500) for _ in range(11))).comparisons
    assert among[0].verdict == "unclear"
    assert among[0].interval == alone.interval


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=4),
    st.booleans(),
)
def test_whatever_is_found_is_json(arms: list[tuple[int, int]], less: bool) -> None:
    samples = [Proportion(max(n, k), k) for n, k in arms]
    found = result(*samples, less_is_better=less)
    told = json.loads(json.dumps([vars_of(one) for one in found.comparisons], default=vars_of))
    for one in told:
        for value in one.values():
            assert not isinstance(value, float) or math.isfinite(value)


# -- strata -----------------------------------------------------------------------------------


def test_one_stratum_is_itself() -> None:
    sample = Mean.of([1, 2, 3, 4.5])
    one = pooled([sample], [7.0])
    assert (one.n, one.mean) == (4, sample.mean)
    assert one.variance == pytest.approx(sample.variance)
    assert one.unadjusted.mean == one.mean


@given(
    st.lists(
        st.tuples(st.integers(20, 500), st.floats(0.1, 0.9), st.floats(1, 100)),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_the_difference_of_strata_is_the_sum_of_their_differences(strata: Any) -> None:
    control = [Proportion(n, round(n * p)) for n, p, _ in strata]
    treatment = [Proportion(n, round(n * (1 - p))) for n, p, _ in strata]
    weights = [weight for _, _, weight in strata]
    one, other = pooled(control, weights), pooled(treatment, weights)
    shares = [weight / sum(weights) for weight in weights]
    pairs = list(zip(shares, control, treatment, strict=True))
    assert other.mean - one.mean == pytest.approx(
        sum(share * (b.mean - a.mean) for share, a, b in pairs)
    )
    assert one.variance / one.n + other.variance / other.n == pytest.approx(
        sum(share**2 * (a.variance / a.n + b.variance / b.n) for share, a, b in pairs)
    )


def test_strata_of_different_levels_are_not_mistaken_for_an_effect() -> None:
    # Nine of ten see the content where everybody buys, one of ten where nobody does.
    control = [Proportion(100, 90), Proportion(900, 90)]
    treatment = [Proportion(900, 810), Proportion(100, 10)]
    naive = sum(one.successes for one in treatment) / 1000
    assert naive - 0.18 > 0.6
    weights = [900.0, 100.0]
    assert pooled(treatment, weights).mean == pytest.approx(pooled(control, weights).mean)


def test_what_was_taken_out_stays_out_of_strata() -> None:
    rng = np.random.default_rng(3)
    early = rng.normal(10, 1, 1000)
    late = early + rng.normal(0, 0.1, 1000)
    sample = Adjusted.of(late, early, 1.0)
    one = pooled([sample, sample], [1.0, 3.0])
    assert isinstance(one.unadjusted, Pooled)
    assert one.unadjusted.mean == pytest.approx(late.mean())
    assert one.variance < 0.05 * one.unadjusted.variance
    assert replace(one, measured=None).unadjusted.mean == one.mean
