"""Item-kNN: items are close if the same visitors have them.

Sarwar, Karypis, Konstan and Riedl (2001), “Item-based Collaborative Filtering Recommendation
Algorithms”, §3.1. Whether a visitor has an item counts, not how much or how often: raw weights
of purchases make what few people buy close to everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from personalization.ml.arrays import Doubles, Floats
from personalization.ml.base import Config, Options, algorithms
from personalization.ml.interactions import Dataset
from personalization.ml.recommenders.by_items import ByItems
from personalization.ml.recommenders.matrix import Matrix, binary_matrix
from personalization.ml.recommenders.neighbours import closeness, products


@dataclass(frozen=True, kw_only=True)
class ItemKnnConfig(Config):
    neighbours: int = 100
    similarity: str = "cosine"
    #: How many common visitors two items are thought to lack: few in common then say little.
    shrinkage: float = 10.0
    #: Whether a visitor counts less the more items they have, by the logarithm (TF-IDF).
    rare_first: bool = True

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "neighbours": (1, 5_000),
        "shrinkage": (0, 1e6),
    }
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"similarity": ("cosine", "pearson")}


@algorithms.register("item_knn")
class ItemKnn(ByItems[ItemKnnConfig]):
    config_class = ItemKnnConfig

    def fit(self, dataset: Dataset, options: Options) -> Self:
        matrix = binary_matrix(dataset.interactions)
        options.progress(0.0, "comparing items")
        n_items = len(matrix.items)
        self.become(
            matrix.items,
            closeness(self._similar(matrix), n_items=n_items, n=self.config.neighbours),
        )
        return self

    def _similar(self, matrix: Matrix) -> Iterator[Floats]:
        """Yield rows of similarities, 0 where two items have no visitor in common."""
        columns = matrix.sparse()
        if self.config.rare_first:
            columns.data *= _rarity(matrix)[matrix.rows]
        squares: Doubles = np.asarray(columns.multiply(columns).sum(axis=0), np.float64)
        sums: Doubles = np.asarray(columns.sum(axis=0), np.float64)
        if self.config.similarity == "pearson":
            squares = np.maximum(squares - sums**2 / matrix.n_rows, 0)
        lengths = np.sqrt(squares)
        for rows, block in products(columns.T.tocsr(), columns):
            common = block > 0
            if self.config.similarity == "pearson":
                expected = np.outer(sums[rows], sums) / matrix.n_rows
                block = (block - expected).astype(np.float32)
            scale = np.outer(lengths[rows], lengths) + self.config.shrinkage
            similar = np.divide(block, scale, out=np.zeros(block.shape), where=common & (scale > 0))
            # What says that two items avoid each other is too little to recommend by.
            yield np.maximum(similar, 0).astype(np.float32)


def _rarity(matrix: Matrix) -> Floats:
    """Return how much each visitor says: the logarithm of n items over how many they have,
    over its mean; 1 for all if everybody has everything."""
    said = np.log(len(matrix.items) / np.diff(matrix.starts))
    mean = said.mean()
    return (said / mean if mean > 0 else np.ones_like(said)).astype(np.float32)
