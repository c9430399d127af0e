from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from personalization.ml.evaluation.probabilities import (
    auc,
    average_precision,
    brier,
    expected_calibration_error,
    f1,
    log_loss,
    quality,
)
from personalization.ml.unfit import UnfitData
from tests.effort import examples

#: Few different scores, so that there are ties.
outcomes = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.1, 0.35, 0.5, 0.9, 1.0])),
    min_size=2,
    max_size=40,
).filter(lambda rows: len({label for label, _ in rows}) == 2)


def columns(rows: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([label for label, _ in rows]), np.array([score for _, score in rows])


@examples(60)
@given(outcomes)
def test_figures_are_those_of_scikit_learn(rows: list[tuple[float, float]]) -> None:
    labels, scores = columns(rows)
    assert auc(labels, scores) == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert average_precision(labels, scores) == pytest.approx(
        metrics.average_precision_score(labels, scores)
    )
    assert brier(labels, scores) == pytest.approx(metrics.brier_score_loss(labels, scores))
    for threshold in (0.1, 0.4, 1.0):
        assert f1(labels, scores, threshold=threshold) == pytest.approx(
            metrics.f1_score(labels, scores >= threshold, zero_division=0)
        )


@examples(30)
@given(outcomes)
def test_the_loss_is_that_of_scikit_learn_where_nothing_is_certain(
    rows: list[tuple[float, float]],
) -> None:
    labels, scores = columns(rows)
    unsure = 0.01 + 0.98 * scores
    assert log_loss(labels, unsure) == pytest.approx(metrics.log_loss(labels, unsure))


def test_certainty_that_is_wrong_costs_much_but_no_infinity() -> None:
    assert 30 < log_loss(np.array([1.0]), np.array([0.0])) < 40


def test_what_says_the_truth_in_each_bin_has_no_calibration_error() -> None:
    scores = np.repeat([0.0, 0.25, 0.5, 1.0], 4)
    labels = np.array([0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1.0])
    assert expected_calibration_error(labels, scores) == 0


def test_the_calibration_error_is_the_mean_distance_over_bins() -> None:
    scores = np.concatenate([np.full(50, 0.2), np.full(50, 0.6)])
    labels = np.concatenate([np.zeros(45), np.ones(5), np.ones(40), np.zeros(10)])
    # Said .2, happened .1; said .6, happened .8.
    assert expected_calibration_error(labels, scores) == pytest.approx((0.1 + 0.2) / 2)


def test_too_bold_and_too_shy_in_different_bins_do_not_cancel_out() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(5000)
    labels = (rng.random(5000) < truth).astype(float)
    shy = 0.5 + (truth - 0.5) / 4
    assert expected_calibration_error(labels, truth) < 0.03
    assert expected_calibration_error(labels, shy) > 0.15


def test_nothing_has_no_calibration_error() -> None:
    assert expected_calibration_error(np.empty(0), np.empty(0)) == 0


@pytest.mark.parametrize("labels", [np.zeros(3), np.ones(3)])
def test_one_kind_of_row_cannot_be_ranked(labels: np.ndarray) -> None:
    for figure in (auc, average_precision):
        with pytest.raises(UnfitData, match=f"{int(labels.sum())} of 3 converted"):
            figure(labels, np.array([0.1, 0.2, 0.3]))


def test_all_figures_come_with_the_base_rate_to_read_them_by() -> None:
    labels = np.array([0.0, 0, 0, 1])
    found = quality(labels, np.array([0.1, 0.6, 0.2, 0.9]), threshold=0.7)
    assert found.rows == 4
    assert found.base_rate == 0.25
    assert found.auc == found.ap == found.f1 == 1
    assert found.figures()["brier"] == found.brier
    assert quality(labels, np.array([0.1, 0.6, 0.2, 0.9])).f1 == pytest.approx(2 / 3)
