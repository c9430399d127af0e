"""Asks the recommender that serves; needs numpy, and so is imported where there is a model only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np

from personalization.ml.arrays import Floats
from personalization.ml.base import Recommender
from personalization.ml.history import History, history_of
from personalization.ml.ranking import top
from personalization.ml.serving.loaded import loaded, loaded_version
from personalization.ml.serving.rerank import Listing

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
        #: What the model scores where nothing is known: what is popular, or nothing.
        self._alone = _shares(model.score(History()))
        self._views: WeakKeyDictionary[Listing, _View] = WeakKeyDictionary()

    def ranking(self, history: History, listing: Listing) -> ModelRanking | None:
        """Return what may be listed by what the model says; None if it says nothing."""
        scores = self._model.score(history)
        if not len(scores) or not scores.max() > scores.min():
            return None
        view = self._views.get(listing)
        if view is None:
            view = self._views[listing] = _View(self._model.items, self._index, listing)
        return ModelRanking(_shares(scores) * view.factors, view)

    def similar(self, item: str) -> Mapping[str, float]:
        """Return the items that score more because of one item than without it, with how much
        more: at most 1."""
        found = self._similar.get(item)
        if found is None:
            found = self._led_by(item) if item in self._index else {}
            if len(self._similar) >= ITEMS:
                self._similar.clear()
            self._similar[item] = found
        return found

    def _led_by(self, item: str) -> Mapping[str, float]:
        more = _shares(self._model.score(history_of(item))) - self._alone
        chosen = top(more, SIMILAR)
        pairs = zip(chosen.tolist(), more[chosen].tolist(), strict=True)
        items = self._model.items
        return {items[number]: value for number, value in pairs if value > 0}


class _View:
    """A listing as the model has its items: by their numbers."""

    def __init__(self, items: tuple[str, ...], index: Mapping[str, int], listing: Listing) -> None:
        self.items = items
        #: What scores are multiplied by: 0 where an item is not listed.
        self.factors = np.array(
            [listing.factors.get(key, 1.0) if key in listing.items else 0.0 for key in items],
            np.float32,
        )
        self.pinned = {
            keys: np.array([index[key] for key in keys if key in index], np.int32)
            for _, keys in listing.pins
        }


class ModelRanking:
    """Items by their scores, which are 0 where they are not listed."""

    def __init__(self, scores: Floats, view: _View) -> None:
        self._scores = scores
        self._view = view

    def best(self, n: int) -> list[tuple[str, float]]:
        """Return `n` items with their scores, without those of 0."""
        return self._scored(top(self._scores, n))

    def best_of(self, keys: tuple[str, ...], n: int) -> list[tuple[str, float]]:
        """Return the same of the items of a pin."""
        known = self._view.pinned[keys]
        return self._scored(known[top(self._scores[known], n)])

    def _scored(self, chosen: Any) -> list[tuple[str, float]]:
        items = self._view.items
        pairs = zip(chosen.tolist(), self._scores[chosen].tolist(), strict=True)
        return [(items[number], score) for number, score in pairs if score > 0]


def _shares(scores: Floats) -> Floats:
    """Return scores from 0 to 1; all 0 where they are all the same."""
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.zeros_like(scores)


#: One engine for each model that was asked; it goes when the model does.
_engines: WeakKeyDictionary[Recommender[Any], Engine] = WeakKeyDictionary()


def engine(*, now: datetime, number: int | None = None) -> Engine | None:
    """Return what serves now, or version `number`; None if there is no model."""
    found = loaded(NAME, now=now) if number is None else loaded_version(NAME, number, now=now)
    if not isinstance(found.model, Recommender):
        return None
    kept = _engines.get(found.model)
    if kept is None:
        kept = _engines[found.model] = Engine(found.model, version=found.number)
    return kept
