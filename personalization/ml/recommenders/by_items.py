"""Models that say how close items are: a visitor gets what is close to what they had."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from personalization.ml.arrays import Floats, Indices
from personalization.ml.base import Arrays, Config, Recommender
from personalization.ml.history import History
from personalization.ml.recommenders.matrix import keys, texts
from personalization.ml.recommenders.neighbours import Closeness, restored
from personalization.ml.recommenders.positions import Positions, positions_of
from personalization.types import JsonObject

C = TypeVar("C", bound=Config)


class ByItems(Recommender[C]):
    """What EASE, item-kNN and RP3β have in common; `fit` ends with `become`."""

    weights: Closeness
    _positions: Positions

    def become(self, items: tuple[str, ...], weights: Closeness) -> None:
        self._positions = positions_of(items)
        self.items = self._positions.items
        self.weights = weights

    def score(self, history: History) -> Floats:
        rows = self._positions.of(history)
        if not len(rows):
            return np.zeros(len(self.items), np.float32)
        return self.told(rows, history)

    def told(self, rows: Indices, history: History) -> Floats:
        """Return the scores for a history of which `rows` are known, one at least."""
        return self.weights.summed(rows)

    def arrays(self) -> Arrays:
        return {"items": texts(self.items), **self.weights.arrays()}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        self.become(keys(arrays["items"]), restored(arrays))
