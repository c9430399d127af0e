"""What holds for every test and every kind of sample."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from personalization.experiments.statistics.bayesian import (
    FLAT,
    SCEPTICAL,
    UNKNOWN_BELIEF,
    Belief,
    posterior,
)
from personalization.experiments.statistics.effects import UNKNOWN, Estimate, effect_of
from personalization.experiments.statistics.frequentist import welch
from personalization.experiments.statistics.samples import (
    Adjusted,
    Doubles,
    Mean,
    Proportion,
    Sample,
)
from personalization.experiments.statistics.sequential import always_valid
from tests.effort import examples
from tests.experiments.statistics.samples import DEGENERATE, arrays, compared

Told = Estimate | Belief
Test = Callable[..., Told]

TESTS: dict[str, Test] = {
    "welch": welch,
    "always valid": always_valid,
    "belief": posterior,
}
of_each_test = pytest.mark.parametrize("test", TESTS.values(), ids=TESTS.keys())

#: Two arms of the reference engine's tests.
ONE, OTHER = Mean(3407, 1396.87, 52377.9767), Mean(3461, 2422.7, 134698.29)


def numbers(told: Told) -> list[float]:
    """Return all that is told, in one order for each kind."""
    return [getattr(told, name) for name in told.__slots__]


def well_said(told: Told) -> None:
    """Assert that what is told is in order: numbers, and each where it can be."""
    assert not any(map(math.isnan, numbers(told)))
    assert told.low <= told.effect <= told.high
    assert told.error > 0
    if isinstance(told, Estimate):
        assert 0 <= told.p_value <= 1
    else:
        assert 0 <= told.chance_to_win <= 1
        assert min(told.risk, told.risk_of_staying) >= 0


@of_each_test
@examples(80)
@given(compared(), st.booleans())
def test_whatever_the_samples_what_is_told_is_in_order(
    test: Test, both: tuple[Sample, Sample], relative: bool
) -> None:
    well_said(test(*both, relative=relative))


@of_each_test
@pytest.mark.parametrize("relative", [False, True])
def test_of_samples_that_say_nothing_nothing_is_told(test: Test, relative: bool) -> None:
    nothing = UNKNOWN_BELIEF if test is posterior else UNKNOWN
    for one, other in itertools.product(DEGENERATE.items(), repeat=2):
        told = test(one[1], other[1], relative=relative)
        assert told == nothing, (one, other)
        assert not told.known


@of_each_test
def test_of_one_arm_that_says_nothing_nothing_is_told_either(test: Test) -> None:
    said = Mean.of([1.0, 2.0, 4.0])
    for name, silent in DEGENERATE.items():
        for pair in ((said, silent), (silent, said)):
            assert not test(*pair).known, name
            assert not test(*pair, relative=True).known, name


@of_each_test
def test_nothing_is_a_share_of_a_mean_that_is_nothing(test: Test) -> None:
    nothing, something = Mean.of([-1.0, 0.0, 1.0]), Mean.of([0.0, 1.0, 2.0])
    assert test(nothing, something).known
    assert not test(nothing, something, relative=True).known
    assert test(something, nothing, relative=True).effect == -1


@of_each_test
def test_a_share_of_a_mean_that_is_next_to_nothing_is_no_number_to_show(test: Test) -> None:
    tiny = Mean(2, 1e-310, 1.0)
    well_said(test(tiny, Mean.of([1.0, 2.0]), relative=True))


@of_each_test
def test_more_is_above_0_also_where_means_are_below(test: Test) -> None:
    """Losses of 10 that become losses of 5 are half of them more."""
    lost, less_lost = Mean.of([-9.0, -10.0, -11.0]), Mean.of([-4.0, -5.0, -6.0])
    assert test(lost, less_lost, relative=True).effect == pytest.approx(0.5)
    assert test(less_lost, lost, relative=True).effect == pytest.approx(-1)


@of_each_test
@examples(60)
@given(compared())
def test_arms_that_change_places_change_the_sign(test: Test, both: tuple[Sample, Sample]) -> None:
    there, back = test(*both), test(*reversed(both))
    assert there.effect == -back.effect
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.error == pytest.approx(back.error)
    if isinstance(there, Estimate) and isinstance(back, Estimate):
        assert there.p_value == pytest.approx(back.p_value)
    elif isinstance(there, Belief) and isinstance(back, Belief):
        assert there.chance_to_win == pytest.approx(1 - back.chance_to_win)
        assert there.risk == pytest.approx(back.risk_of_staying, abs=1e-12 * there.error)


@of_each_test
@examples(40)
@given(arrays(), arrays(), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_another_currency_changes_amounts_and_no_verdict(
    test: Test, one: Doubles, other: Doubles, rate: float, more: float
) -> None:
    """Differences follow a shift and a scale, and shares follow a scale."""
    before = test(Mean.of(one), Mean.of(other))
    assume(before.known)
    sizes = np.abs(np.concatenate([one, other])).max() + abs(more)
    assume(before.error > 1e-4 * sizes)  # else what is left of sums of squares is rounding
    scaled = test(Mean.of(rate * one), Mean.of(rate * other))
    shifted = test(Mean.of(one + more), Mean.of(other + more))
    slack = 1e-5 * before.error
    assert scaled.low == pytest.approx(rate * before.low, rel=1e-5, abs=rate * slack)
    assert shifted.low == pytest.approx(before.low, rel=1e-5, abs=slack)
    assert _how_sure(shifted) == pytest.approx(_how_sure(before), rel=1e-4, abs=1e-9)
    share, same = (
        test(Mean.of(by * one), Mean.of(by * other), relative=True) for by in (1.0, rate)
    )
    assert share.known == same.known
    assert _how_sure(share) == pytest.approx(_how_sure(same), rel=1e-4, abs=1e-9)


def _how_sure(told: Told) -> float:
    return told.p_value if isinstance(told, Estimate) else told.chance_to_win


@of_each_test
def test_the_order_of_units_says_nothing(test: Test) -> None:
    rng = np.random.default_rng(5)
    one, other = rng.lognormal(1, 1, 400), rng.lognormal(1.1, 1, 300)
    there = test(Mean.of(one), Mean.of(other))
    again = test(Mean.of(rng.permutation(one)), Mean.of(rng.permutation(other)))
    assert numbers(again) == pytest.approx(numbers(there))


@of_each_test
def test_flags_say_the_same_as_shares_and_as_numbers(test: Test) -> None:
    """A share varies by p (1 − p), a mean of its flags by n / (n − 1) of that."""
    flags = [np.arange(2000) < n for n in (200, 260)]
    as_shares = test(*map(Proportion.of, flags), relative=True)
    as_means = test(*map(Mean.of, flags), relative=True)
    assert numbers(as_shares) == pytest.approx(numbers(as_means), rel=5e-3)


@of_each_test
def test_an_interval_for_more_doubt_is_wider(test: Test) -> None:
    told = [test(ONE, OTHER, alpha=alpha) for alpha in (0.2, 0.1, 0.05, 0.01, 0.001)]
    widths = [one.high - one.low for one in told]
    assert widths == sorted(widths)


def test_a_lift_varies_as_much_as_it_does_when_it_is_drawn_again_and_again() -> None:
    """The delta method beside 4,000 experiments, with and without CUPED."""
    rng = np.random.default_rng(11)
    lifts: list[list[float]] = [[], []]
    errors: list[list[float]] = [[], []]
    for _ in range(4000):
        before = rng.gamma(2, 2, (2, 200))
        after = before + rng.gamma(2, 2, (2, 200)) + np.array([[0.0], [0.8]])
        arms = [
            (Mean.of(late), Adjusted.of(late, early, 0.9))
            for late, early in zip(after, before, strict=True)
        ]
        for kind in (0, 1):
            effect = effect_of(arms[0][kind], arms[1][kind], relative=True)
            assert effect is not None
            lifts[kind].append(effect.size)
            errors[kind].append(effect.error)
    for kind in (0, 1):
        assert np.mean(errors[kind]) == pytest.approx(np.std(lifts[kind]), rel=0.03)
        assert np.mean(lifts[kind]) == pytest.approx(0.1, abs=0.005)
    assert np.mean(errors[1]) < 0.8 * np.mean(errors[0])


def test_a_prior_is_of_the_lift_whatever_is_asked_for() -> None:
    share = posterior(ONE, OTHER, prior=SCEPTICAL, relative=True)
    difference = posterior(ONE, OTHER, prior=SCEPTICAL)
    assert abs(share.effect) < abs(posterior(ONE, OTHER, prior=FLAT, relative=True).effect)
    assert abs(difference.effect) < abs(posterior(ONE, OTHER, prior=FLAT).effect)
    none: Any = Mean.of([-1.0, 0.0, 1.0])
    assert not posterior(none, OTHER, prior=SCEPTICAL).known
