"""How far two groupings of the same rows agree, and whether a grouping comes out again.

Sources: L. Hubert and P. Arabie, Comparing partitions (1985); C. Hennig, Cluster-wise
assessment of cluster stability (2007).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from personalization.ml.arrays import Doubles, Indices
from personalization.ml.base import Clusterer, Options


def adjusted_rand(one: Any, other: Any) -> float:
    """Return how far two groupings agree, as the adjusted Rand index: 1 for the same groups
    under whatever numbers, about 0 for none but by chance; it may be below 0.

    `one` and `other` (n) say in which group each row is; -1 is a group like every other.
    """
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"Groupings of {one.shape} and {other.shape} rows cannot be compared.")
    table = overlaps(one, other)
    together = _pairs(table)
    rows, columns = _pairs(table.sum(axis=1)), _pairs(table.sum(axis=0))
    everything = _pairs(np.array([len(one)]))
    if rows == columns == together:
        return 1.0  # also where there is no pair, or nothing to be told apart
    expected = rows * columns / everything
    return float((together - expected) / ((rows + columns) / 2 - expected))


def overlaps(one: Indices, other: Indices) -> Doubles:
    """Return how many rows are in each group of `one` and of `other` (groups × groups, in the
    order of their numbers)."""
    first, rows = np.unique(one, return_inverse=True)
    second, columns = np.unique(other, return_inverse=True)
    cells = np.bincount(rows * len(second) + columns, minlength=len(first) * len(second))
    return cells.reshape(len(first), len(second)).astype(np.float64)


def _pairs(counts: Doubles) -> float:
    return float((counts * (counts - 1) / 2).sum())


@dataclass(frozen=True, kw_only=True)
class Stability:
    """How well groups come out again: of each training on rows drawn anew, how far it agrees
    with the one on all rows (adjusted Rand index)."""

    agreements: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.agreements) / len(self.agreements)

    @property
    def least(self) -> float:
        return min(self.agreements)


def stability_of(
    make: Callable[[], Clusterer[Any]], rows: Doubles, *, rounds: int, options: Options
) -> Stability:
    """Return how far trainings on `rounds` bootstrap samples (as many rows, drawn with
    replacement) agree with the training on `rows`, all asked about all rows."""
    reference = make().fit(rows, options).score(rows)
    return stability_against(reference, make, rows, rounds=rounds, options=options)


def stability_against(
    reference: Indices,
    make: Callable[[], Clusterer[Any]],
    rows: Doubles,
    *,
    rounds: int,
    options: Options,
) -> Stability:
    """Return the same, where the grouping by all `rows` is there already."""
    rng = options.rng()
    agreements = []
    for number in range(1, rounds + 1):
        drawn = np.sort(rng.integers(len(rows), size=len(rows)))
        model = make().fit(rows[drawn], Options(seed=options.seed + number))
        agreements.append(adjusted_rand(reference, model.score(rows)))
    return Stability(agreements=tuple(agreements))
