"""From a probability to a decision: the threshold that costs least, or that picks a share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from personalization.ml.arrays import Doubles
from personalization.ml.base import InvalidConfig
from personalization.ml.unfit import UnfitData


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Whoever scores `value` or more is chosen; the rest says what that meant for known rows."""

    value: float
    #: Of all rows, how many are chosen.
    share: float
    #: Of the chosen, how many converted; 0 if none is chosen.
    precision: float
    #: Of those who converted, how many are chosen; 0 if nobody did.
    recall: float


def by_cost(
    labels: Doubles, scores: Doubles, *, false_positive: float, false_negative: float
) -> Threshold:
    """Return the threshold whose mistakes cost least in sum: `false_positive` for each who is
    chosen and does not convert, `false_negative` for each who converts and is not chosen.

    Of equally cheap ones it is the highest, which chooses fewest; above 1 where choosing
    nobody is cheapest.

    :raises InvalidConfig: if a cost is below 0, or both are 0.
    """
    for name, cost in (("false_positive", false_positive), ("false_negative", false_negative)):
        if not 0 <= cost < float("inf"):
            raise InvalidConfig(f"“{name}” is {cost!r}; allowed: 0 or more.")
    if not false_positive and not false_negative:
        raise InvalidConfig("Both kinds of mistakes cost 0; allowed: one of them above 0.")
    _some(scores)
    values, chosen, hits = _steps(labels, scores)
    cost = false_positive * (chosen - hits) + false_negative * (labels.sum() - hits)
    return told(labels, scores, value=float(values[int(np.argmin(cost))]))


def by_share(labels: Doubles, scores: Doubles, *, share: float) -> Threshold:
    """Return the lowest threshold that chooses no more than `share` of the rows.

    :raises InvalidConfig: if `share` is not between 0 and 1.
    """
    if not 0 < share <= 1:
        raise InvalidConfig(f"“share” is {share!r}; allowed: above 0, up to 1.")
    _some(scores)
    values, chosen, _ = _steps(labels, scores)
    fits = chosen <= share * len(scores)
    return told(labels, scores, value=float(values[fits][-1]))


def told(labels: Doubles, scores: Doubles, *, value: float) -> Threshold:
    """Return what a threshold means for rows of which it is known what came of them."""
    chosen = scores >= value
    hits, n, ones = float(labels[chosen].sum()), int(chosen.sum()), float(labels.sum())
    return Threshold(
        value=value,
        share=n / len(scores),
        precision=hits / n if n else 0.0,
        recall=hits / ones if ones else 0.0,
    )


def _steps(labels: Doubles, scores: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Return all thresholds that differ, the highest first, beginning with one that nobody
    reaches; and how many reach each, and of those how many converted."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.diff(ordered) != 0, True)
    values = np.append(np.nextafter(max(1.0, float(ordered[0])), 2.0), ordered[last])
    chosen = np.append(0.0, np.flatnonzero(last) + 1.0)
    hits = np.append(0.0, np.cumsum(labels[order])[last])
    return values, chosen, hits


def _some(scores: Doubles) -> None:
    if not len(scores):
        raise UnfitData("A threshold needs rows of which it is known what came of them; has 0.")
