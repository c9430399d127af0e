"""Clusters that are told apart by their centres: a row is in that of the nearest one."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from personalization.ml.arrays import Doubles, Indices
from personalization.ml.base import Arrays, Clusterer, Config
from personalization.ml.clusters.rows import known, names_of
from personalization.types import JsonObject

C = TypeVar("C", bound=Config)
#: Distances that are held in memory at once.
_AT_ONCE = 2_000_000


def nearest(rows: Doubles, centres: Doubles) -> tuple[Indices, Doubles]:
    """Return the number of the nearest centre for each row, and the distance to it, squared.

    Of centres equally near it is the first.
    """
    numbers = np.empty(len(rows), np.int32)
    distances = np.empty(len(rows), np.float64)
    # From the middle of the centres, so that squares of large numbers do not eat small ones.
    middle = centres.mean(axis=0)
    centres = centres - middle
    squares = (centres**2).sum(axis=1)
    step = max(1, _AT_ONCE // len(centres))
    for start in range(0, len(rows), step):
        part = rows[start : start + step] - middle
        found = squares - 2 * (part @ centres.T)
        best = found.argmin(axis=1)
        numbers[start : start + step] = best
        least = found[np.arange(len(part)), best] + (part**2).sum(axis=1)
        distances[start : start + step] = np.maximum(least, 0)
    return numbers, distances


def means(rows: Doubles, numbers: Indices, *, k: int) -> tuple[Doubles, Doubles]:
    """Return the mean of the rows of each of `k` clusters, and how many there are; rows of
    number -1 are in none."""
    inside = numbers >= 0
    sizes = np.bincount(numbers[inside], minlength=k).astype(np.float64)
    sums = np.stack(
        [np.bincount(numbers[inside], weights=column[inside], minlength=k) for column in rows.T],
        axis=1,
    )
    return sums / np.maximum(sizes, 1)[:, None], sizes


def largest_first(numbers: Indices) -> Indices:
    """Return the same clusters numbered by their size; of one size, by their first row."""
    found, first, inverse, sizes = np.unique(
        numbers, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort((first, -sizes, found < 0))
    rank = np.empty(len(found), np.int32)
    rank[order] = np.arange(len(found))
    rank[found < 0] = -1
    return rank[inverse]


class ByCentres(Clusterer[C]):
    """What clusterers share that learn centres: a row of `centres` (k × features) for each
    cluster, the largest first, and the number of rows each was the mean of."""

    def __init__(self, config: C | None = None) -> None:
        super().__init__(config)
        self.centres: Doubles = np.empty((0, 0))
        self.sizes: Doubles = np.empty(0)

    def score(self, rows: Doubles) -> Indices:
        found, squared = nearest(known(rows, features=self.features), self.centres)
        return np.where(np.isfinite(squared), found, -1).astype(np.int32)

    def arrays(self) -> Arrays:
        return {"centres": self.centres, "sizes": self.sizes}

    def facts(self) -> JsonObject:
        return {"features": list(self.features)}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        self.centres, self.sizes = arrays["centres"], arrays["sizes"]
        self.features = names_of(facts)

    def learn(self, rows: Doubles, numbers: Indices) -> None:
        """Become the means of `rows` by the clusters they were found to be in."""
        ordered = largest_first(numbers)
        self.centres, self.sizes = means(rows, ordered, k=int(ordered.max()) + 1)
