"""Asks the recommender that serves; needs numpy, and so is imported where there is a model only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np

from personalization.ml.arrays import Floats, Indices
from personalization.ml.base import Recommender
from personalization.ml.history import History
from personalization.ml.ranking import top
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.recommenders.positions import positions_of
from personalization.ml.serving.loaded import Loaded, loaded, loaded_version
from personalization.ml.serving.ranking import ABOUT
from personalization.ml.serving.rerank import Listing

#: Under this name is looked for what recommends.
NAME: Final = "recommend"
#: So many items are kept that an item leads to, of so many items.
LED, ITEMS = 200, 5000


class Engine:
    """A recommender with what is worked out of it once."""

    def __init__(self, model: Recommender[Any], *, version: int = 0) -> None:
        self.version = version
        self._model = model
        #: Whether it has nothing to say where it says what it says of every history.
        self._says_its_own = not isinstance(model, Popularity)
        self._positions = positions_of(model.items)
        self._index = self._positions.number
        self._led: dict[tuple[str, int], Mapping[str, float]] = {}
        self._general: dict[int, Floats] = {}
        self._views: WeakKeyDictionary[Listing, _View] = WeakKeyDictionary()

    def ranking(
        self, history: History, listing: Listing, *, about: bool = False
    ) -> ModelRanking | None:
        """Return what may be listed by what the model says; None if it says nothing, or only
        what it says of every history."""
        found = self._ranking(history, listing)
        if found is None or not about or len(history.steps) < 2:
            return found
        alone = self._ranking(replace(history, steps=history.steps[-1:]), listing)
        return found if alone is None else found.beside(alone, times=ABOUT)

    def _ranking(self, history: History, listing: Listing) -> ModelRanking | None:
        if not any(step.item in self._index for step in history.steps):
            return None
        weighing = self._model.weighing(history)
        scores = self._model.weighed(history, weighing=weighing)
        if not len(scores):
            return None
        best = scores.argmax()
        low, high = scores[scores.argmin()], scores[best]
        if not high > low:
            return None
        general = self._general_of(weighing)
        if high == general[best] and np.array_equal(scores, general) and self._says_its_own:
            return None
        view = self._views.get(listing)
        if view is None:
            view = self._views[listing] = _View(self._model.items, self._index, listing)
        shares = scores - low
        shares /= high - low
        shares *= view.factors
        return ModelRanking(scores, shares, general, view, partial(self._led_by, weighing=weighing))

    def _general_of(self, weighing: int) -> Floats:
        """Return what the model says of a history of which it knows nothing: what is popular,
        or nothing."""
        found = self._general.get(weighing)
        if found is None:
            found = self._model.weighed(History(), weighing=weighing)
            self._general[weighing] = found
        return found

    def _led_by(self, item: str, *, weighing: int) -> Mapping[str, float]:
        """Return the items to whose scores an item adds most, with how much."""
        found = self._led.get((item, weighing))
        if found is None:
            found = self._most_led_by(item, weighing) if item in self._index else {}
            if len(self._led) >= ITEMS:
                self._led.clear()
            self._led[item, weighing] = found
        return found

    def _most_led_by(self, item: str, weighing: int) -> Mapping[str, float]:
        more = self._model.led_by(item, weighing=weighing)
        chosen = top(more, LED)
        pairs = zip(chosen.tolist(), more[chosen].tolist(), strict=True)
        items = self._model.items
        return {items[number]: value for number, value in pairs if value > 0}


class _View:
    """A listing as the model has its items: by their numbers."""

    def __init__(self, items: tuple[str, ...], index: Mapping[str, int], listing: Listing) -> None:
        self.items = items
        self.index = index
        #: What scores are multiplied by: 0 where an item is not listed.
        self.factors = np.array(
            [listing.factors.get(key, 1.0) if key in listing.items else 0.0 for key in items],
            np.float32,
        )
        #: Of items that rules name together, the numbers.
        self.named = {
            keys: np.array([index[key] for key in keys if key in index], np.int32)
            for keys in (*(keys for _, keys in listing.pins), listing.boosted)
        }


class ModelRanking:
    """Items by their scores, which are 0 where they are not listed: shares of the range of what
    the model `said`, as rules weigh them. `general` is what it says of every history; `led_by`
    returns what one item of this one adds."""

    def __init__(
        self, said: Floats, scores: Floats, general: Floats, view: _View,
        led_by: Callable[[str], Mapping[str, float]],
    ) -> None:  # fmt: skip
        self._said = said
        self._scores = scores
        self._general = general
        self._view = view
        self.led_by = led_by

    def beside(self, other: ModelRanking, *, times: float) -> ModelRanking:
        """Return the mean with another ranking of the same items, which counts so many times."""
        scores = other._scores * times
        scores += self._scores
        scores /= 1 + times
        return ModelRanking(self._said, scores, self._general, self._view, self.led_by)

    def best(self, n: int, *, without: Set[str] = frozenset()) -> list[tuple[str, float]]:
        """Return `n` items with their scores, without those of 0."""
        pairs = self._scored(top(self._scores, n + len(without)))
        return [pair for pair in pairs if pair[0] not in without][:n]

    def best_of(self, keys: tuple[str, ...], n: int) -> list[tuple[str, float]]:
        """Return the same of the items of a pin, or of those that are boosted."""
        known = self._view.named[keys]
        return self._scored(known[top(self._scores[known], n)])

    def share_of(self, key: str) -> float:
        """Return what share of an item's score the history accounts for, 0 to 1."""
        number = self._view.index.get(key)
        if number is None or not (said := self._said.item(number)) > 0:
            return 0.0
        return min(max((said - self._general.item(number)) / said, 0.0), 1.0)

    def _scored(self, chosen: Indices) -> list[tuple[str, float]]:
        items = self._view.items
        pairs = zip(chosen.tolist(), self._scores[chosen].tolist(), strict=True)
        return [(items[number], score) for number, score in pairs if score > 0]


#: One engine for each model that was asked, by what was loaded: an engine holds its model, so that by
#: the model itself neither would ever go.
_engines: WeakKeyDictionary[Loaded, Engine] = WeakKeyDictionary()


def engine(*, now: datetime, number: int | None = None) -> Engine | None:
    """Return what serves now, or version `number`; None if there is no model."""
    found = loaded(NAME, now=now) if number is None else loaded_version(NAME, number, now=now)
    if not isinstance(found.model, Recommender):
        return None
    kept = _engines.get(found)
    if kept is None:
        kept = _engines[found] = Engine(found.model, version=found.number)
    return kept
