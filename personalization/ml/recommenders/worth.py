"""What an item is worth to those who come to it: what leads to an order counts more than what is
only looked at.

A visitor's score for an item says how likely they come to it. Of two that are as likely, the one
whose visitors add and buy more is the better one to list. How much more is their mean, as far as
it can be believed (Bühlmann, *Experience Rating and Credibility*, 1967):

    worth = (n m̄ + k μ) / (n + k) / μ,   k = variance within items / variance between items

where n visitors of an item left m̄ on the mean and those of all items μ. Where items hardly differ,
k is large and each is worth about 1; where all that is known is who came, each is worth 1.
"""

from __future__ import annotations

import numpy as np

from personalization.ml.arrays import Doubles, Floats
from personalization.ml.recommenders.matrix import Matrix


def worth(matrix: Matrix) -> Floats:
    """Return the worth of each item by the values that its visitors have."""
    values = matrix.values.astype(np.float64)
    numbers = matrix.counts().astype(np.float64)
    sums = np.bincount(matrix.columns, weights=values, minlength=len(numbers))
    usual = values.mean()
    among = _credible_from(values, matrix=matrix, means=sums / numbers, numbers=numbers)
    if not np.isfinite(among):
        return np.ones(len(numbers), np.float32)
    found: Doubles = (sums + among * usual) / (numbers + among) / usual
    return found.astype(np.float32)


def _credible_from(values: Doubles, *, matrix: Matrix, means: Doubles, numbers: Doubles) -> float:
    """Return k: of how many visitors an item's own mean is as good as that of all; infinity if
    items differ by no more than chance."""
    total, free = len(values), len(values) - len(numbers)
    if not free or len(numbers) == 1:
        return np.inf
    within = float(((values - means[matrix.columns]) ** 2).sum()) / free
    apart = float((numbers * (means - values.mean()) ** 2).sum()) - (len(numbers) - 1) * within
    between = apart / (total - float((numbers**2).sum()) / total)
    return within / between if between > 0 else np.inf
