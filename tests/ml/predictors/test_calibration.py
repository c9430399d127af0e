from __future__ import annotations

import numpy as np
import pytest

from personalization.ml.evaluation.probabilities import auc, expected_calibration_error
from personalization.ml.predictors.calibration import (
    NONE,
    TOLERATED,
    Calibration,
    learned_of,
    where_it_helps,
)
from personalization.ml.predictors.odds import log_odds, probabilities


def said(
    *, n: int, slope: float = 1.0, shift: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return what happened, and probabilities that are off by a slope and a shift of the odds."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(1.5, 4.0, n)
    labels = (rng.random(n) < truth).astype(float)
    return labels, probabilities(log_odds(truth) * slope + shift)


def test_what_is_true_is_left_alone() -> None:
    labels, scores = said(n=20_000)
    assert expected_calibration_error(labels, scores) <= TOLERATED
    assert where_it_helps(labels, scores) is NONE
    assert NONE(scores) is scores


@pytest.mark.parametrize(("n", "kind"), [(20_000, "isotonic"), (900, "sigmoid")])
@pytest.mark.parametrize(("slope", "shift"), [(0.4, 0.0), (1.0, 1.2), (2.5, -0.5)])
def test_what_is_off_is_made_true(n: int, kind: str, slope: float, shift: float) -> None:
    calibration = where_it_helps(*said(n=n, slope=slope, shift=shift))
    assert calibration.kind == kind
    labels, scores = said(n=5000, slope=slope, shift=shift, seed=1)
    after = expected_calibration_error(labels, calibration(scores))
    assert after < expected_calibration_error(labels, scores) / 2
    assert auc(labels, calibration(scores)) == pytest.approx(auc(labels, scores), abs=0.01)


def test_what_would_make_it_worse_is_left_undone() -> None:
    # Too bold in the first half and too shy in the second: what is learned of the one misleads.
    bold, shy = said(n=3000, shift=1.5), said(n=3000, shift=-1.5, seed=1)
    labels, scores = np.concatenate([bold[0], shy[0]]), np.concatenate([bold[1], shy[1]])
    assert expected_calibration_error(labels, scores) > TOLERATED
    assert where_it_helps(labels, scores) is NONE


def test_steps_are_those_of_scikit_learn() -> None:
    from sklearn.isotonic import IsotonicRegression

    labels, scores = said(n=3000, slope=0.5)
    ours = learned_of(labels, scores)
    theirs = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, labels)
    asked = np.linspace(0, 1, 501)
    np.testing.assert_allclose(ours(asked), theirs.predict(asked), rtol=1e-6, atol=1e-12)


def test_rows_of_one_kind_teach_nothing() -> None:
    assert learned_of(np.zeros(50), np.full(50, 0.4)) is NONE


def test_few_rows_that_are_told_apart_perfectly_become_no_certainty() -> None:
    labels = np.repeat([0.0, 1.0], 20)
    calibration = learned_of(labels, np.repeat([0.4, 0.6], 20))
    assert calibration.kind == "sigmoid"
    low, high = calibration(np.array([0.4, 0.6]))
    assert 0.01 < low < 0.2
    assert 0.8 < high < 0.99


def test_no_order_is_turned_around() -> None:
    labels = np.repeat([1.0, 0.0], 50)
    calibration = learned_of(labels, np.linspace(0.1, 0.9, 100))
    assert (np.diff(calibration(np.linspace(0, 1, 50))) >= 0).all()


@pytest.mark.parametrize("n", [20_000, 500])
def test_it_comes_back_from_its_arrays(n: int) -> None:
    labels, scores = said(n=n, slope=0.3)
    calibration = learned_of(labels, scores)
    back = Calibration.of(calibration.kind, calibration.arrays())
    assert back(scores).tolist() == calibration(scores).tolist()
