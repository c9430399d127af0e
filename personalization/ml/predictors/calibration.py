"""Making probabilities true, where they are not and where it helps.

Isotonic regression (Zadrozny & Elkan, 2002) where there is much to learn it from, else the
sigmoid of Platt (1999) over log-odds. Both are kept as two short arrays. Scores that are true
already are made worse by either, so that most models are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles
from personalization.ml.evaluation.probabilities import expected_calibration_error
from personalization.ml.predictors.odds import log_odds, probabilities

#: Mean distance of what is said and what happens that is let be.
TOLERATED = 0.02
#: Rows, and rows of the rarer kind, from which on steps are learned instead of a curve.
_ROWS, _RARER = 1000, 100

Kind = Literal["none", "sigmoid", "isotonic"]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What is made of scores: nothing, or what two arrays say.

    `isotonic`: where scores are `x` the probabilities are `y`, and on straight lines between.
    `sigmoid`: the log-odds times `x[0]`, plus `y[0]`.
    """

    kind: Kind
    x: Doubles
    y: Doubles

    def __call__(self, scores: Doubles) -> Doubles:
        if self.kind == "isotonic":
            return np.interp(scores, self.x, self.y)
        if self.kind == "sigmoid":
            return probabilities(log_odds(scores) * self.x[0] + self.y[0])
        return scores

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"x": self.x, "y": self.y}

    @classmethod
    def of(cls, kind: Kind, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(kind=kind, x=arrays["x"], y=arrays["y"])


NONE = Calibration(kind="none", x=np.empty(0), y=np.empty(0))


def where_it_helps(labels: Doubles, scores: Doubles) -> Calibration:
    """Return how the scores of rows in order of time are made true.

    Nothing is, if they are off by no more than `TOLERATED`, or if what is learned of the
    earlier half leaves the later one further off than it was.
    """
    if expected_calibration_error(labels, scores) <= TOLERATED:
        return NONE
    half = len(labels) // 2
    learned = learned_of(labels[:half], scores[:half])
    before = expected_calibration_error(labels[half:], scores[half:])
    after = expected_calibration_error(labels[half:], learned(scores[half:]))
    return learned_of(labels, scores) if after < before else NONE


def learned_of(labels: Doubles, scores: Doubles) -> Calibration:
    """Return the calibration that suits how many rows there are; none where all rows are alike."""
    rarer = min(labels.sum(), len(labels) - labels.sum())
    if not rarer:
        return NONE
    if len(labels) >= _ROWS and rarer >= _RARER:
        return _isotonic(labels, scores)
    return _sigmoid(labels, scores)


def _isotonic(labels: Doubles, scores: Doubles) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, labels)
    return Calibration(
        kind="isotonic",
        x=model.X_thresholds_.astype(np.float64),
        y=model.y_thresholds_.astype(np.float64),
    )


def _sigmoid(labels: Doubles, scores: Doubles) -> Calibration:
    from sklearn.linear_model import LogisticRegression

    # Platt's targets keep a few rows from being taken for certainties.
    ones = labels.sum()
    high, low = (ones + 1) / (ones + 2), 1 / (len(labels) - ones + 2)
    target = np.where(labels == 1, high, low)
    odds = np.tile(log_odds(scores), 2)[:, None]
    model = LogisticRegression(C=1e6, max_iter=1000).fit(
        odds,
        np.repeat([1.0, 0.0], len(labels)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    # A calibration never turns an order around.
    slope = max(float(model.coef_[0, 0]), 0.0)
    return Calibration(kind="sigmoid", x=np.array([slope]), y=model.intercept_.astype(np.float64))
