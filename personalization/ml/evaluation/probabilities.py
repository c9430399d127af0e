"""How good probabilities are: do they rank, are they true, do they decide well.

`labels` are 0 or 1, `scores` probabilities, both of n rows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from personalization.ml.arrays import Doubles, Flags
from personalization.ml.unfit import UnfitData

#: Closer to 0 or 1 than this a probability is not taken by its word: the loss stays finite.
_LEAST = 1e-15


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Every figure of one set of predictions, with the share of converters to read them by."""

    rows: int
    base_rate: float
    auc: float
    ap: float
    brier: float
    ece: float
    log_loss: float
    f1: float

    def figures(self) -> dict[str, float]:
        return asdict(self)


def quality(labels: Doubles, scores: Doubles, *, threshold: float = 0.5) -> Quality:
    """Return all figures; `f1` is that of deciding at `threshold`.

    :raises UnfitData: if only one kind of label is there, which nothing can be ranked by.
    """
    return Quality(
        rows=len(labels),
        base_rate=float(labels.mean()) if len(labels) else 0.0,
        auc=auc(labels, scores),
        ap=average_precision(labels, scores),
        brier=brier(labels, scores),
        ece=expected_calibration_error(labels, scores),
        log_loss=log_loss(labels, scores),
        f1=f1(labels, scores, threshold=threshold),
    )


def auc(labels: Doubles, scores: Doubles) -> float:
    """Return how often a converter is scored above another row; a tie counts half.

    The rank-sum form (Mann-Whitney U over the number of pairs).
    """
    positives = _positives(labels)
    n = int(positives.sum())
    ranks = _mid_ranks(scores)
    return float((ranks[positives].sum() - n * (n + 1) / 2) / (n * (len(labels) - n)))


def average_precision(labels: Doubles, scores: Doubles) -> float:
    """Return the mean of the precision at each converter, from the highest score down.

    Rows of equal scores are taken at once: their order says nothing.
    """
    positives = _positives(labels)
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)
    hits = np.cumsum(positives[order])[last]
    taken = np.flatnonzero(last) + 1
    return float((np.diff(hits, prepend=0) * hits / taken).sum() / hits[-1])


def brier(labels: Doubles, scores: Doubles) -> float:
    """Return the mean squared difference of what was said and what happened (Brier, 1950)."""
    return float(np.mean((scores - labels) ** 2))


def log_loss(labels: Doubles, scores: Doubles) -> float:
    """Return the mean of minus the logarithm of the probability of what happened."""
    said = np.clip(scores, _LEAST, 1 - _LEAST)
    return float(-np.mean(np.where(labels == 1, np.log(said), np.log1p(-said))))


def expected_calibration_error(labels: Doubles, scores: Doubles, *, bins: int = 10) -> float:
    """Return how far what was said is from what happened, on average over `bins` of equally
    many rows.

    Of two rows of equal scores neither is put into a higher bin.
    """
    if not len(labels):
        return 0.0
    edges = np.unique(np.quantile(scores, np.arange(1, bins) / bins))
    number = np.searchsorted(edges, scores, side="left")
    # A bin weighs as many rows as it has, so that sums can be compared instead of means.
    said = np.bincount(number, scores, minlength=len(edges) + 1)
    happened = np.bincount(number, labels, minlength=len(edges) + 1)
    return float(np.abs(said - happened).sum() / len(labels))


def f1(labels: Doubles, scores: Doubles, *, threshold: float) -> float:
    """Return the harmonic mean of precision and recall of choosing rows of `threshold` or more;
    0 if none of them converts."""
    chosen = scores >= threshold
    hits = float(labels[chosen].sum())
    return 2 * hits / (float(chosen.sum()) + float(labels.sum())) if hits else 0.0


def _positives(labels: Doubles) -> Flags:
    positives: Flags = labels == 1
    n = int(positives.sum())
    if n in (0, len(labels)):
        raise UnfitData(f"Ranking needs converters and others; {n} of {len(labels)} converted.")
    return positives


def _mid_ranks(scores: Doubles) -> Doubles:
    """Return the rank of each score, from 1; equal ones share the middle of theirs."""
    _, number, n = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(n)
    middle: Doubles = last - (n - 1) / 2
    return middle[number]
