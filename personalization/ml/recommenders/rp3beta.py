"""RP3β: three random steps, from an item to its visitors to their items, less for the popular.

Paudel, Christoffel, Newell and Bernstein (2017), “Updatable, Accurate, Diverse, and Scalable
Recommendations for Interactive Applications”, §3: the probability of each step to the power
of α, and that of the item arrived at divided by its number of visitors to the power of β.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from personalization.ml.arrays import Floats
from personalization.ml.base import Config, Options, algorithms
from personalization.ml.interactions import Dataset
from personalization.ml.recommenders.by_items import ByItems
from personalization.ml.recommenders.matrix import Matrix, binary_matrix
from personalization.ml.recommenders.neighbours import closeness, products


@dataclass(frozen=True, kw_only=True)
class Rp3BetaConfig(Config):
    neighbours: int = 200
    #: The higher, the more a visitor of few items says beside one of many.
    alpha: float = 0.8
    #: The higher, the less popular what is recommended.
    beta: float = 0.3

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "neighbours": (1, 5_000),
        "alpha": (0, 3),
        "beta": (0, 2),
    }


@algorithms.register("rp3beta")
class Rp3Beta(ByItems[Rp3BetaConfig]):
    config_class = Rp3BetaConfig

    def fit(self, dataset: Dataset, options: Options) -> Self:
        matrix = binary_matrix(dataset.interactions)
        options.progress(0.0, "walking from item to item")
        n_items = len(matrix.items)
        self.become(
            matrix.items, closeness(self._walks(matrix), n_items=n_items, n=self.config.neighbours)
        )
        return self

    def _walks(self, matrix: Matrix) -> Iterator[Floats]:
        """Yield rows of what two steps lead to from each item, its own place left out."""
        counts = matrix.counts()
        to_items = matrix.sparse()
        to_items.data = (1 / np.diff(matrix.starts)[matrix.rows]) ** self.config.alpha
        to_visitors: Any = matrix.sparse()
        to_visitors.data = (1 / counts[matrix.columns]) ** self.config.alpha
        popular = counts.astype(np.float64) ** self.config.beta
        for _, block in products(to_visitors.T.tocsr(), to_items):
            yield (block / popular).astype(np.float32)
