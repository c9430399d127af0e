"""Thresholds as a version keeps them, and the cheapest one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.predictors.thresholds import by_share
from personalization.ml.training.decisions import (
    PERCENTS,
    PREFIX,
    Step,
    cheapest,
    decisions_of,
    figures_of,
    without_decisions,
)
from personalization.ml.training.figures import figures
from personalization.ml.training.propensity import _steps

HIGH = Step(threshold=0.8, share=0.1, precision=0.9, recall=0.45)
MIDDLE = Step(threshold=0.5, share=0.3, precision=0.5, recall=0.75)
LOW = Step(threshold=0.1, share=0.7, precision=0.28, recall=0.98)
METRICS = {"ap": 0.5, "base_rate": 0.2, **figures_of({10: HIGH, 30: MIDDLE, 70: LOW})}


def test_what_is_kept_is_read_again_the_highest_first() -> None:
    assert list(decisions_of(METRICS)) == [HIGH, MIDDLE, LOW]


def test_equal_thresholds_are_one() -> None:
    assert list(decisions_of(figures_of({10: HIGH, 15: HIGH, 20: HIGH}))) == [HIGH]


def test_half_of_a_threshold_is_none() -> None:
    for name in ("threshold", "share", "precision", "recall"):
        torn = {key: value for key, value in METRICS.items() if key != f"{PREFIX}30.{name}"}
        assert list(decisions_of(torn)) == [HIGH, LOW]


def test_other_figures_stand_without_them() -> None:
    assert without_decisions(METRICS) == {"ap": 0.5, "base_rate": 0.2}
    assert [figure.name for figure in figures(METRICS)] == ["ap", "base_rate"]


@pytest.mark.parametrize(
    ("in_vain", "missed", "best"),
    [(1, 1, HIGH), (1, 3, MIDDLE), (1, 20, LOW), (0, 1, LOW), (1, 0, None), (100, 1, None)],
)
def test_the_dearer_it_is_to_miss_somebody_the_more_are_chosen(
    in_vain: float, missed: float, best: Step | None
) -> None:
    steps = decisions_of(METRICS)
    assert cheapest(steps, base_rate=0.2, in_vain=in_vain, missed=missed) == best


_ROWS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 20).map(lambda n: n / 20)), min_size=2, max_size=80
).filter(lambda rows: any(label for label, _ in rows))


@given(_ROWS, st.floats(0.01, 50), st.floats(0.01, 50))
def test_none_costs_less_on_the_rows_themselves(
    rows: list[tuple[bool, float]], in_vain: float, missed: float
) -> None:
    labels = np.array([label for label, _ in rows], np.float64)
    scores = np.array([score for _, score in rows])
    kept = decisions_of(figures_of(_steps(labels, scores)))

    def cost(threshold: float) -> float:
        chosen = scores >= threshold
        return float(
            in_vain * (chosen & (labels == 0)).sum() + missed * (~chosen & (labels == 1)).sum()
        )

    base_rate = float(labels.mean())
    best = cheapest(kept, base_rate=base_rate, in_vain=in_vain, missed=missed)
    least = min([cost(2.0), *(cost(step.threshold) for step in kept)])
    assert cost(best.threshold if best else 2.0) == pytest.approx(least)


@given(_ROWS)
def test_each_step_is_the_threshold_of_its_share(rows: list[tuple[bool, float]]) -> None:
    labels = np.array([label for label, _ in rows], np.float64)
    scores = np.array([score for _, score in rows])
    for percent, step in _steps(labels, scores).items():
        assert percent in PERCENTS
        assert 0 < step.share <= percent / 100
        chosen = by_share(labels, scores, share=percent / 100)
        assert (step.threshold, step.precision, step.recall) == (
            chosen.value, chosen.precision, chosen.recall,
        )  # fmt: skip
