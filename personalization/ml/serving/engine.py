"""Asks the recommender that serves; needs numpy, and so is imported where there is a model only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np

from personalization.ml.arrays import Floats
from personalization.ml.base import Recommender
from personalization.ml.history import History, history_of
from personalization.ml.ranking import top
from personalization.ml.serving.loaded import loaded

#: Under this name is looked for what recommends.
NAME: Final = "recommend"
#: So many items are kept that an item leads to, of so many items.
SIMILAR, ITEMS = 200, 5000


class Engine:
    """A recommender with what is worked out of it once."""

    def __init__(self, model: Recommender[Any], *, version: int = 0) -> None:
        self.version = version
        self._model = model
        self._index = {key: number for number, key in enumerate(model.items)}
        self._similar: dict[str, Mapping[str, float]] = {}

    def ranking(self, history: History) -> ModelRanking | None:
        """Return the items by what the model says; None if it says nothing."""
        scores = self._model.score(history)
        if not len(scores) or not float(scores.max()) > float(scores.min()):
            return None
        return ModelRanking(self._model.items, scores, index=self._index)

    def similar(self, item: str) -> Mapping[str, float]:
        """Return the scores that one item alone gives to others, 1 for the first."""
        found = self._similar.get(item)
        if found is None:
            ranking = self.ranking(history_of(item)) if item in self._index else None
            found = {} if ranking is None else dict(ranking.best(SIMILAR))
            if len(self._similar) >= ITEMS:
                self._similar.clear()
            self._similar[item] = found
        return found


class ModelRanking:
    """Items by their scores, 1 for the first and 0 for the last, of which there may be many."""

    def __init__(self, items: Sequence[str], scores: Floats, *, index: Mapping[str, int]) -> None:
        self._items = items
        self._scores = scores
        self._index = index
        self._low = scores.min()
        self._width = scores.max() - self._low

    def best(self, n: int) -> list[tuple[str, float]]:
        """Return `n` items with their scores, without those of 0."""
        return self._scored(top(self._scores, n))

    def best_of(self, keys: Iterable[str], n: int) -> list[tuple[str, float]]:
        """Return the same of some items; those that the model does not know are left out."""
        index = self._index
        known = np.array([index[key] for key in keys if key in index], np.int32)
        return self._scored(known[top(self._scores[known], n)])

    def _scored(self, chosen: Any) -> list[tuple[str, float]]:
        items = self._items
        values = ((self._scores[chosen] - self._low) / self._width).tolist()
        pairs = zip(chosen.tolist(), values, strict=True)
        return [(items[number], value) for number, value in pairs if value > 0]


#: One engine for each model that was asked; it goes when the model does.
_engines: WeakKeyDictionary[Recommender[Any], Engine] = WeakKeyDictionary()


def engine(*, now: datetime) -> Engine | None:
    """Return what serves now; None if no model does."""
    found = loaded(NAME, now=now)
    if not isinstance(found.model, Recommender):
        return None
    kept = _engines.get(found.model)
    if kept is None:
        kept = _engines[found.model] = Engine(found.model, version=found.number)
    return kept
