"""Log-odds and probabilities are two ways to say the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.predictors.odds import log_odds, probabilities
from tests.effort import examples

several = st.lists(st.floats(-25, 25), min_size=1, max_size=20)


@given(several)
@examples(100)
def test_there_and_back_is_where_one_was(values: list[float]) -> None:
    given_odds = np.array(values)
    np.testing.assert_allclose(log_odds(probabilities(given_odds)), given_odds, atol=1e-3)


@given(several)
@examples(100)
def test_the_higher_the_odds_the_higher_the_probability(values: list[float]) -> None:
    ordered = np.sort(np.array(values))
    assert (np.diff(probabilities(ordered)) >= 0).all()


@given(several)
@examples(50)
def test_against_is_one_less_for(values: list[float]) -> None:
    odds = np.array(values)
    np.testing.assert_allclose(probabilities(-odds), 1 - probabilities(odds), atol=1e-12)


@pytest.mark.parametrize(
    ("odds", "probability"),
    [(0, 0.5), (np.log(3), 0.75), (-np.log(3), 0.25), (1e9, 1), (-1e9, 0), (np.inf, 1)],
)
def test_it_is_what_the_formula_says_however_large(odds: float, probability: float) -> None:
    assert probabilities(np.array([odds]))[0] == pytest.approx(probability)


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_what_is_certain_has_finite_odds(certain: float) -> None:
    (found,) = log_odds(np.array([certain]))
    assert np.isfinite(found)
    assert (found > 20) == (certain == 1)


def test_a_table_of_them_keeps_its_shape() -> None:
    assert probabilities(np.zeros((2, 3))).shape == (2, 3)
    assert np.isnan(probabilities(np.array([np.nan]))).all()
