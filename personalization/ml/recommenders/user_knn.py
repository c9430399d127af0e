"""User-kNN: what those visitors have who are most like this one.

Herlocker, Konstan, Borchers and Riedl (1999), “An Algorithmic Framework for Performing
Collaborative Filtering”, for items that one has or has not. What is kept of visitors is which
items they had, in rows that nothing says whose they are; and of those that came last only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Floats, Indices
from personalization.ml.base import Arrays, Config, Options, Recommender, algorithms
from personalization.ml.history import History
from personalization.ml.interactions import Dataset, Interactions
from personalization.ml.ranking import top
from personalization.ml.recommenders.matrix import Matrix, binary_matrix, keys, texts
from personalization.ml.recommenders.positions import Positions, positions_of
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class UserKnnConfig(Config):
    neighbours: int = 100
    similarity: str = "cosine"
    #: How many items two visitors are thought to lack in common: one in common then says little.
    shrinkage: float = 0.0
    #: Visitors that are remembered, those that came last.
    max_visitors: int = 20_000
    #: Of the visitors of each item, how many are looked at, those that came last.
    sample: int = 3_000

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "neighbours": (1, 5_000),
        "shrinkage": (0, 1e6),
        "max_visitors": (2, 1_000_000),
        "sample": (1, 100_000),
    }
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"similarity": ("cosine", "pearson")}


@algorithms.register("user_knn")
class UserKnn(Recommender[UserKnnConfig]):
    config_class = UserKnnConfig

    _matrix: Matrix
    _positions: Positions
    #: The rows of item i are _rows[_starts[i]:_starts[i + 1]].
    _rows: Indices
    _starts: NDArray[np.int64]

    def fit(self, dataset: Dataset, options: Options) -> Self:
        options.progress(0.0, "remembering visitors")
        latest = _latest(dataset.interactions.in_favour(), n=self.config.max_visitors)
        self._become(binary_matrix(latest))
        return self

    def _become(self, matrix: Matrix) -> None:
        self.items = matrix.items
        self._matrix = matrix
        self._positions = positions_of(matrix.items)
        by_item = matrix.turned()
        self._rows, self._starts = by_item.columns, by_item.starts

    def score(self, history: History) -> Floats:
        columns = self._positions.of(history)
        rows, common = self._candidates(columns)
        if not len(rows):
            return np.zeros(len(self.items), np.float32)
        similar = self._similar(rows, common, n_had=len(columns))
        nearest = top(similar.astype(np.float32), self.config.neighbours)
        return self._had(rows[nearest], similar[nearest])

    def _candidates(self, columns: Indices) -> tuple[NDArray[np.int64], Doubles]:
        """Return the rows with any of the items, and how many of these each has."""
        ends = self._starts[columns + 1]
        starts = np.maximum(self._starts[columns], ends - self.config.sample)
        parts = [self._rows[start:end] for start, end in zip(starts, ends, strict=True)]
        if not parts:
            return np.empty(0, np.int64), np.empty(0)
        counts = np.bincount(np.concatenate(parts), minlength=self._matrix.n_rows)
        rows = np.flatnonzero(counts)
        return rows, counts[rows].astype(np.float64)

    def _similar(self, rows: NDArray[np.int64], common: Doubles, *, n_had: int) -> Doubles:
        lengths = (self._matrix.starts[rows + 1] - self._matrix.starts[rows]).astype(np.float64)
        squares, own = lengths, float(n_had)
        if self.config.similarity == "pearson":
            n_items = len(self.items)
            common = np.maximum(common - lengths * n_had / n_items, 0)
            squares = lengths * (1 - lengths / n_items)
            own = n_had * (1 - n_had / n_items)
        scale = np.sqrt(squares * own) + self.config.shrinkage
        similar: Doubles = np.divide(common, scale, out=np.zeros_like(common), where=scale > 0)
        return similar

    def _had(self, rows: NDArray[np.int64], similar: Doubles) -> Floats:
        """Return for each item how similar those are that have it, all together."""
        starts = self._matrix.starts[rows]
        lengths = self._matrix.starts[rows + 1] - starts
        first = np.cumsum(lengths) - lengths
        places = np.repeat(starts - first, lengths) + np.arange(int(lengths.sum()))
        scores = np.bincount(
            self._matrix.columns[places],
            weights=np.repeat(similar, lengths),
            minlength=len(self.items),
        )
        return scores.astype(np.float32)

    def arrays(self) -> Arrays:
        return {
            "items": texts(self.items),
            "starts": self._matrix.starts,
            "columns": self._matrix.columns,
        }

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        columns: Indices = arrays["columns"]
        self._become(
            Matrix(
                starts=arrays["starts"],
                columns=columns,
                values=np.ones(len(columns), np.float32),
                items=keys(arrays["items"]),
            )
        )


def _latest(rows: Interactions, *, n: int) -> Interactions:
    """Return the interactions of the `n` visitors that came last, and who they are as numbers
    in the order in which they came last."""
    visitors, places = np.unique(rows.visitor[::-1], return_index=True)
    # The first from behind is the last; so the smallest place came last of all.
    order = np.argsort(-places, kind="stable")
    number = np.empty(len(visitors), np.int32)
    number[order] = np.arange(len(visitors), dtype=np.int32)
    numbered = number[np.searchsorted(visitors, rows.visitor)]
    return replace(rows, visitor=numbered).where(numbered >= len(visitors) - n)
