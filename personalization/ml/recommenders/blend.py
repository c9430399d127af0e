"""Scores of several engines as one: each by its own maximum, weighed by how long a history is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Floats, Indices
from personalization.ml.base import Recommender
from personalization.ml.history import History, history_of
from personalization.ml.interactions import Interactions
from personalization.ml.recommenders.content import Content
from personalization.ml.recommenders.newcomers import Newcomers, newcomers, no_newcomers
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.recommenders.positions import positions_of

#: Known items of a history, from which on the next weights count; before the first, none is
#: known, and popularity alone speaks.
LENGTHS = (1, 2, 3, 5, 10, 20)

Engines = Mapping[str, Recommender[Any]]


def bucket_of(n_known: int) -> int:
    """Return the row of the weights for a history of so many known items; -1 for none."""
    return bisect_right(LENGTHS, n_known) - 1


class _Said(NamedTuple):
    """What an engine says of all items, and the largest score, by which it is measured."""

    scores: Floats
    largest: float

    def times(self, weight: float) -> Floats:
        """Return the scores as shares of the largest, times a weight that is not 0."""
        shares: Floats = self.scores / (self.largest / weight)
        return shares


class Blend:
    """Engines by name, in the order of names, with their items as one list."""

    def __init__(self, engines: Engines, *, newcomers: Newcomers | None = None) -> None:
        self.engines = dict(sorted(engines.items()))
        largest = max(self.engines.values(), key=lambda engine: len(engine.items))
        everything = [*largest.items]
        for engine in self.engines.values():
            everything += engine.items
        self._positions = positions_of(tuple(dict.fromkeys(everything)))
        self.items = self._positions.items
        self.number = self._positions.number
        self.newcomers = newcomers or no_newcomers()
        self._places = {name: self._places_of(each) for name, each in self.engines.items()}
        self._visited = {name for name, each in self.engines.items() if _by_visitors(each)}
        #: The engine that newcomers need, even for lengths at which it has no weight itself.
        about = (name for name, each in self.engines.items() if isinstance(each, Content))
        self._about = next(about, None) if len(self.newcomers.items) else None
        #: What is said by who has nothing to say.
        self._silence = _Said(np.zeros(len(self.items), np.float32), 1.0)
        # The same whoever asks.
        self._popular = {
            name: self._measured(name, each.score(History()))
            for name, each in self.engines.items()
            if isinstance(each, Popularity)
        }

    def known(self, history: History) -> Indices:
        """Return the numbers of the items of a history, each once."""
        found = {self.number[item] for item in self._known(history)}
        return np.array(sorted(found), np.int32)

    def n_known(self, history: History) -> int:
        """Return how many these are."""
        return len(self._known(history))

    def _known(self, history: History) -> AbstractSet[str]:
        return self.number.keys() & history.items

    def said(self, history: History) -> Floats:
        """Return what each engine says of all items (engines × items), newcomers included."""
        rows: Floats = np.stack([self._of(name, history).times(1) for name in self.engines])
        likeness = self._likeness(rows)
        for row, engine in zip(rows, self.engines.values(), strict=True):
            if _by_visitors(engine):
                row[:] = self.newcomers.told(row, likeness=likeness)
        return rows

    def summed(self, history: History, *, weights: Floats) -> Floats:
        """Return the sum of what engines say times `weights`, one for each."""
        return self._sum(lambda name: self._of(name, history), weights=weights)

    def led_by(self, item: str, *, weights: Floats) -> Floats:
        """Return what of that sum an item accounts for that is a history of its own."""
        return self._sum(lambda name: self._led_by(name, item), weights=weights)

    def _sum(self, said_by: Callable[[str], _Said], *, weights: Floats) -> Floats:
        told, beside = np.zeros((2, len(self.items)), np.float32)
        about, trust = self._silence, 0.0
        for name, weight in zip(self.engines, weights.tolist(), strict=True):
            if not weight and name != self._about:
                continue
            said = said_by(name)
            if name == self._about:
                about = said
            if weight and name in self._visited:
                told += said.times(weight)
                trust += weight
            elif weight:
                beside += said.times(weight)
        if trust:
            # What newcomers get is linear, so it is the same for the sum as for each.
            beside += self.newcomers.told(told, likeness=about.times(trust))
        return beside

    def _likeness(self, rows: Floats) -> Floats:
        """Return the row of the engine that knows what items are about; zeros without."""
        for row, engine in zip(rows, self.engines.values(), strict=True):
            if isinstance(engine, Content):
                likeness: Floats = row.copy()
                return likeness
        return np.zeros(len(self.items), np.float32)

    def _of(self, name: str, history: History) -> _Said:
        if (popular := self._popular.get(name)) is not None:
            return popular
        return self._measured(name, self.engines[name].score(history))

    def _led_by(self, name: str, item: str) -> _Said:
        engine = self.engines[name]
        return self._measured(name, engine.score(history_of(item)), usual=engine.usual())

    def _measured(self, name: str, scores: Floats, *, usual: Floats | None = None) -> _Said:
        """Return the scores of an engine for all items, 0 for those that it does not know, and
        none farther below 0 than the largest is above it; less what is `usual`."""
        largest = scores.item(scores.argmax()) if len(scores) else 0.0
        if largest <= 0:
            return self._silence
        if scores.item(scores.argmin()) < -largest:
            scores = np.maximum(scores, -largest)
        if usual is not None:
            scores = scores - usual
        places = self._places[name]
        if places is not None:
            spread = np.zeros(len(self.items), np.float32)
            spread[places] = scores
            scores = spread
        return _Said(scores, largest)

    def _places_of(self, engine: Recommender[Any]) -> Indices | None:
        if engine.items == self.items:
            return None
        return np.array([self.number[key] for key in engine.items], np.int32)


def blended(engines: Engines, interactions: Interactions, *, newcomers_share: float) -> Blend:
    """Return engines that have learned from `interactions`, with the newcomers of these; of
    none where no engine knows what items are about."""
    blend = Blend(engines)
    content = next((each for each in blend.engines.values() if isinstance(each, Content)), None)
    if content is None or not newcomers_share:
        return blend
    own = {blend.number[key]: index for index, key in enumerate(content.items)}
    shared = np.array([blend.number[key] for key in content.items], np.int32)

    def like(item: int) -> tuple[Indices, Floats]:
        if item not in own:
            return shared[:0], np.empty(0, np.float32)
        items, weights = content.like(own[item])
        return shared[items], weights

    seen = _visitors(interactions, blend)
    return Blend(engines, newcomers=newcomers(like, seen=seen, share=newcomers_share))


def _visitors(rows: Interactions, blend: Blend) -> NDArray[np.int64]:
    """Return how many visitors each item of `blend` had."""
    rows = rows.in_favour()
    pairs = np.unique(rows.visitor.astype(np.int64) * len(rows.items) + rows.item)
    counts = np.bincount(pairs % len(rows.items), minlength=len(rows.items))
    seen = np.zeros(len(blend.items), np.int64)
    for key, count in zip(rows.items, counts.tolist(), strict=True):
        if key in blend.number:
            seen[blend.number[key]] = count
    return seen


def _by_visitors(engine: Recommender[Any]) -> bool:
    """Whether an engine has an item's scores from those who saw it and other items."""
    return not isinstance(engine, Content | Popularity)
