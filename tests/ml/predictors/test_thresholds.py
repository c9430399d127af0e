from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.base import InvalidConfig
from personalization.ml.predictors.thresholds import by_cost, by_share, told
from personalization.ml.unfit import UnfitData
from tests.effort import examples

LABELS = np.array([0.0, 0, 1, 0, 1, 1])
SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.8, 0.9])

rows = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])),
    min_size=1,
    max_size=30,
)


def costs(labels: np.ndarray, scores: np.ndarray, value: float, wrong: float, lost: float) -> float:
    chosen = scores >= value
    return float(wrong * (chosen & (labels == 0)).sum() + lost * (~chosen & (labels == 1)).sum())


@examples(80)
@given(rows, st.integers(0, 5), st.integers(1, 5))
def test_no_threshold_costs_less(
    found: list[tuple[float, float]], wrong: float, lost: float
) -> None:
    labels, scores = np.array(found).T
    best = by_cost(labels, scores, false_positive=wrong, false_negative=lost)
    found_cost = costs(labels, scores, best.value, wrong, lost)
    for value in [*scores, 2.0, -1.0]:
        assert found_cost <= costs(labels, scores, value, wrong, lost)


def test_the_dearer_a_lost_converter_the_more_are_chosen() -> None:
    careful = by_cost(LABELS, SCORES, false_positive=1, false_negative=0.5)
    generous = by_cost(LABELS, SCORES, false_positive=1, false_negative=5)
    assert (careful.value, careful.recall, careful.precision) == (0.8, 2 / 3, 1)
    assert (generous.value, generous.recall, generous.precision) == (0.3, 1, 0.75)


def test_nobody_is_chosen_where_that_is_cheapest() -> None:
    nobody = by_cost(LABELS, SCORES, false_positive=1, false_negative=0)
    assert nobody.value > 1
    assert (nobody.share, nobody.precision, nobody.recall) == (0, 0, 0)


@examples(60)
@given(rows, st.floats(0.01, 1))
def test_a_share_is_never_exceeded_and_used_as_far_as_ties_allow(
    found: list[tuple[float, float]], share: float
) -> None:
    labels, scores = np.array(found).T
    threshold = by_share(labels, scores, share=share)
    assert threshold.share <= share
    lower = scores[scores < threshold.value]
    if len(lower):
        assert told(labels, scores, value=lower.max()).share > share


def test_a_third_are_the_two_best_of_six() -> None:
    assert by_share(LABELS, SCORES, share=1 / 3).value == 0.8


@pytest.mark.parametrize(
    ("wrong", "lost", "words"),
    [
        (-1, 1, "“false_positive” is -1; allowed: 0 or more"),
        (1, float("inf"), "“false_negative” is inf"),
        (1, float("nan"), "“false_negative” is nan"),
        (0, 0, "Both kinds of mistakes cost 0"),
    ],
)
def test_costs_that_mean_nothing_are_refused(wrong: float, lost: float, words: str) -> None:
    with pytest.raises(InvalidConfig, match=words):
        by_cost(LABELS, SCORES, false_positive=wrong, false_negative=lost)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
def test_a_share_that_there_is_not_is_refused(share: float) -> None:
    with pytest.raises(InvalidConfig, match="above 0, up to 1"):
        by_share(LABELS, SCORES, share=share)


def test_no_rows_have_no_threshold() -> None:
    with pytest.raises(UnfitData, match="has 0"):
        by_share(np.empty(0), np.empty(0), share=0.5)
    with pytest.raises(UnfitData, match="has 0"):
        by_cost(np.empty(0), np.empty(0), false_positive=1, false_negative=1)
