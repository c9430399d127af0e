"""How sure a share is: as experiments have it, which use the same formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.experiments.statistics import proportions
from personalization.experiments.statistics.samples import Proportion
from personalization.ml.evaluation.intervals import wilson
from tests.effort import examples

SAMPLES = st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@examples(60)
@given(SAMPLES)
def test_the_interval_is_that_of_experiments_and_holds_the_share(sample: tuple[int, int]) -> None:
    successes, n = sample
    low, high = wilson(successes, n)
    assert (low, high) == pytest.approx(
        proportions.wilson(Proportion(successes=successes, n=n)), abs=1e-12
    )
    assert 0 <= low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= high <= 1


def test_of_nobody_it_is_anything() -> None:
    assert wilson(0, 0) == (0, 1)


def test_it_is_that_of_newcombe() -> None:
    """Newcombe, “Two-sided confidence intervals for the single proportion” (1998), table I: 81 of
    263 and 15 of 148."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_more_certainty_is_wider() -> None:
    assert wilson(5, 50, alpha=0.01)[0] < wilson(5, 50)[0]
    assert wilson(5, 50, alpha=0.01)[1] > wilson(5, 50)[1]
