"""Shares: the z-test, Wilson's interval, and published anchors."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2_contingency

from personalization.experiments.statistics.effects import UNKNOWN
from personalization.experiments.statistics.proportions import two_proportions, wilson
from personalization.experiments.statistics.samples import Proportion
from tests.effort import examples
from tests.experiments.statistics.samples import proportions

CONTROL, TREATMENT = Proportion(1000, 120), Proportion(1000, 150)


def test_anchors() -> None:
    """Those of statsmodels: `proportions_ztest` and `proportion_confint` by Wilson."""
    told = two_proportions(CONTROL, TREATMENT)
    assert told.effect / told.error == pytest.approx(1.96305, abs=5e-6)
    assert told.p_value == pytest.approx(0.0496404, abs=5e-8)
    assert wilson(TREATMENT) == pytest.approx((0.129210, 0.173469), abs=5e-7)


@examples(60)
@given(proportions(least=1), proportions(least=1))
def test_it_is_pearsons_test_without_a_correction(one: Proportion, other: Proportion) -> None:
    told = two_proportions(one, other)
    successes = one.successes + other.successes
    if successes in (0, one.n + other.n):
        assert told == UNKNOWN
        return
    table = [[each.successes, each.n - each.successes] for each in (one, other)]
    assert told.p_value == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    assert told.low <= told.effect <= told.high


def test_of_nobody_nothing_is_known() -> None:
    assert two_proportions(Proportion(0, 0), CONTROL) == UNKNOWN
    assert two_proportions(CONTROL, Proportion(0, 0)) == UNKNOWN
    assert wilson(Proportion(0, 0)) == (0, 1)


@examples(60)
@given(proportions(least=1), st.floats(0.001, 0.5))
def test_an_interval_of_a_share_is_that_of_scipy(sample: Proportion, alpha: float) -> None:
    low, high = wilson(sample, alpha=alpha)
    theirs = binomtest(int(sample.successes), sample.n).proportion_ci(1 - alpha, method="wilson")
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert 0 <= low <= sample.mean + 1e-12
    assert sample.mean - 1e-12 <= high <= 1
    assert not math.isclose(low, high)
