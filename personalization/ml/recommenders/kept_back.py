"""A part of a matrix that is kept back, to see how much of it is found by what the rest says.

It decides between two settings of one model and is no measure of how good that is: whoever
keeps back values at random lets a model see the other half of a visit. What is told to a site's
owner is measured on what came later (evaluation/splits.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from personalization.ml.arrays import Floats, Indices
from personalization.ml.evaluation.ranking_metrics import ndcg
from personalization.ml.ranking import top
from personalization.ml.recommenders.matrix import Matrix

#: Share of the values that is kept back, and visitors that are asked about at most.
_SHARE, _ASKED = 0.2, 500
_LENGTH = 10


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A visitor of whom something is known, and something else is to be found."""

    known: Indices
    #: Of what is known.
    confidences: Floats
    wanted: Indices


@dataclass(frozen=True, kw_only=True)
class KeptBack:
    learned: Matrix
    #: Numbers of items are those of `learned`.
    asked: tuple[Asked, ...]

    def found(self, scores: Callable[[Indices, Floats], Floats]) -> float:
        """Return the mean NDCG@10, given what scores all items for items and confidences."""
        gains = [_gain(scores(each.known, each.confidences), each) for each in self.asked]
        return float(np.mean(gains)) if gains else 0.0


def kept_back(matrix: Matrix, *, rng: np.random.Generator) -> KeptBack:
    """Keep back a fifth of the values. Items that are nowhere else are asked of nobody."""
    back = rng.random(len(matrix.columns)) < _SHARE
    number = np.full(len(matrix.items), -1, np.int32)
    left = np.unique(matrix.columns[~back])
    number[left] = np.arange(len(left), dtype=np.int32)
    asked: list[Asked] = []
    for row in rng.permutation(matrix.n_rows):
        at = slice(matrix.starts[row], matrix.starts[row + 1])
        columns, away = number[matrix.columns[at]], back[at]
        wanted = columns[away & (columns >= 0)]
        if len(wanted) and not away.all():
            sure = matrix.values[at][~away]
            asked.append(Asked(known=columns[~away], confidences=sure, wanted=wanted))
        if len(asked) == _ASKED:
            break
    return KeptBack(learned=matrix.only(~back), asked=tuple(asked))


def _gain(scores: Floats, asked: Asked) -> float:
    scores = scores.copy()
    scores[asked.known] = -np.inf
    return ndcg(top(scores, _LENGTH), relevant=asked.wanted, n=_LENGTH)
