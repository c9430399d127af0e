"""Welch's test is SciPy's, and every anchor that was published stands."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from personalization.experiments.statistics.frequentist import degrees_of_freedom, welch
from personalization.experiments.statistics.samples import Doubles, Mean, Proportion
from tests.effort import examples
from tests.experiments.statistics.samples import arrays

ONE, OTHER = Mean(3407, 1396.87, 52377.9767), Mean(3461, 2422.7, 134698.29)


@examples(60)
@given(arrays(), arrays(), st.sampled_from(["two", "greater", "less"]), st.floats(0.001, 0.4))
def test_it_is_the_test_of_scipy(one: Doubles, other: Doubles, sided: str, alpha: float) -> None:
    told = welch(Mean.of(one), Mean.of(other), alpha=alpha, sided=sided)  # type: ignore[arg-type]
    assume(told.known)
    assume(told.error > 1e-3 * np.abs(np.concatenate([one, other])).max())
    alternative = {"two": "two-sided"}.get(sided, sided)
    theirs = ttest_ind(other, one, equal_var=False, alternative=alternative)
    interval = theirs.confidence_interval(1 - alpha)
    assert told.p_value == pytest.approx(theirs.pvalue, rel=1e-4, abs=1e-12)
    assert (told.low, told.high) == pytest.approx(tuple(interval), rel=1e-4, abs=1e-4 * told.error)


@pytest.mark.parametrize(
    ("control", "treatment", "relative", "expected"),
    [
        (ONE, OTHER, False, (0.29, 0.04538, 0.53462, 0.02016)),
        (ONE, OTHER, True, (0.70732, -0.03526, 1.44989, 0.06191)),
        (
            Proportion(28, 14),
            Proportion(30, 16),
            True,
            (0.06667, -0.47767, 0.61101, 0.80707),
        ),
    ],
)
def test_anchors(
    control: Mean, treatment: Mean, relative: bool, expected: tuple[float, ...]
) -> None:
    """Of the tests of GrowthBook's engine (gbstats 0.8.0), to all digits that they have."""
    told = welch(control, treatment, relative=relative)
    assert (told.effect, told.low, told.high, told.p_value) == pytest.approx(expected, abs=6e-6)


def test_one_side_has_one_end_and_twice_the_right_to_be_wrong() -> None:
    both, more, less = (welch(ONE, OTHER, sided=sided) for sided in ("two", "greater", "less"))
    assert (more.high, less.low) == (math.inf, -math.inf)
    assert both.low < more.low < both.effect < less.high < both.high
    assert more.p_value == pytest.approx(both.p_value / 2)
    assert less.p_value == pytest.approx(1 - both.p_value / 2)
    assert more.low == pytest.approx(welch(ONE, OTHER, alpha=0.1).low)


@examples(40)
@given(arrays(), arrays())
def test_freedom_is_between_that_of_the_smaller_arm_and_of_both(
    one: Doubles, other: Doubles
) -> None:
    control, treatment = Mean.of(one), Mean.of(other)
    assume(control.variance and treatment.variance)
    freedom = degrees_of_freedom(control, treatment)
    assert min(control.n, treatment.n) - 1 <= freedom * (1 + 1e-9)
    assert freedom <= (control.n + treatment.n - 2) * (1 + 1e-9)


def test_p_is_below_alpha_where_the_interval_leaves_out_0() -> None:
    for alpha in (0.01, 0.02, 0.0201584, 0.0201585, 0.03, 0.1):
        told = welch(ONE, OTHER, alpha=alpha)
        assert (told.low > 0) == (told.p_value < alpha)
