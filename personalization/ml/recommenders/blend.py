"""Scores of several engines as one: each by its own maximum, weighed by how long a history is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Floats, Indices
from personalization.ml.base import Recommender
from personalization.ml.history import History
from personalization.ml.interactions import Interactions
from personalization.ml.recommenders.content import Content
from personalization.ml.recommenders.newcomers import Newcomers, newcomers, no_newcomers
from personalization.ml.recommenders.popularity import Popularity

#: Known items of a history, from which on the next weights count; before the first, none is
#: known, and popularity alone speaks.
LENGTHS = (1, 2, 3, 5, 10, 20)

Engines = Mapping[str, Recommender[Any]]


def bucket_of(n_known: int) -> int:
    """Return the row of the weights for a history of so many known items; -1 for none."""
    return int(np.searchsorted(LENGTHS, n_known, side="right")) - 1


class Blend:
    """Engines by name, in the order of names, with their items as one list."""

    def __init__(self, engines: Engines, *, newcomers: Newcomers | None = None) -> None:
        self.engines = dict(sorted(engines.items()))
        largest = max(self.engines.values(), key=lambda engine: len(engine.items))
        everything = [*largest.items]
        for engine in self.engines.values():
            everything += engine.items
        self.items: tuple[str, ...] = tuple(dict.fromkeys(everything))
        self.number = {key: index for index, key in enumerate(self.items)}
        self.newcomers = newcomers or no_newcomers()
        self._places = {name: self._places_of(each) for name, each in self.engines.items()}
        self._visited = np.array([_by_visitors(each) for each in self.engines.values()], bool)
        #: The engine that newcomers need, even for lengths at which it has no weight itself.
        about = (name for name, each in self.engines.items() if isinstance(each, Content))
        self._about = next(about, None) if len(self.newcomers.items) else None
        # The same whoever asks.
        self._popular = {
            name: self._normalised(name, each.score(History()))
            for name, each in self.engines.items()
            if isinstance(each, Popularity)
        }

    def known(self, history: History) -> Indices:
        """Return the numbers of the items of a history, each once."""
        found = {self.number[step.item] for step in history.steps if step.item in self.number}
        return np.array(sorted(found), np.int32)

    def said(self, history: History) -> Floats:
        """Return what each engine says of all items (engines × items), newcomers included."""
        rows: Floats = np.stack([self._of(name, history) for name in self.engines])
        likeness = self._likeness(rows)
        for row, engine in zip(rows, self.engines.values(), strict=True):
            if _by_visitors(engine):
                row[:] = self.newcomers.told(row, likeness=likeness)
        return rows

    def summed(self, history: History, *, weights: Floats) -> Floats:
        """Return the sum of what engines say times `weights`, one for each."""
        rows = np.zeros((len(self.engines), len(self.items)), np.float32)
        for row, (name, weight) in zip(
            rows, zip(self.engines, weights.tolist(), strict=True), strict=True
        ):
            if weight or name == self._about:
                row[:] = self._of(name, history)
        told: Floats = weights[self._visited] @ rows[self._visited]
        beside: Floats = weights[~self._visited] @ rows[~self._visited]
        # What newcomers get is linear, so it is the same for the sum as for each.
        likeness = self._likeness(rows) * weights[self._visited].sum()
        summed: Floats = self.newcomers.told(told, likeness=likeness) + beside
        return summed

    def _likeness(self, rows: Floats) -> Floats:
        """Return the row of the engine that knows what items are about; zeros without."""
        for row, engine in zip(rows, self.engines.values(), strict=True):
            if isinstance(engine, Content):
                likeness: Floats = row.copy()
                return likeness
        return np.zeros(len(self.items), np.float32)

    def _of(self, name: str, history: History) -> Floats:
        if (popular := self._popular.get(name)) is not None:
            return popular
        return self._normalised(name, self.engines[name].score(history))

    def _normalised(self, name: str, scores: Floats) -> Floats:
        """Return the scores of an engine for all items, divided by the largest: 1 for the
        best, 0 for those that it does not know, and none below -1."""
        largest = scores.max() if len(scores) else 0
        if largest <= 0:
            return np.zeros(len(self.items), np.float32)
        own: Floats = np.maximum(scores / largest, np.float32(-1))
        places = self._places[name]
        if places is None:
            return own
        spread = np.zeros(len(self.items), np.float32)
        spread[places] = own
        return spread

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
