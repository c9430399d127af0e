"""What comes next after the last step: transitions of first order, coming back included.

On sites where visitors look at the same thing again (a cart, a price) most of what it knows
is in the steps from an item to itself, which most libraries leave out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Floats, Indices
from personalization.ml.base import Arrays, Config, Options, Recommender, algorithms
from personalization.ml.history import History
from personalization.ml.interactions import Dataset
from personalization.ml.recommenders.matrix import keys, texts
from personalization.ml.recommenders.positions import Positions, positions_of
from personalization.ml.recommenders.sessions import Sessions, sessions_of, steps_of
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject, Microseconds

_DAY = 86_400_000_000
#: A step is looked for from the last of so many, if the last ones are of unknown items.
_LOOKED_AT = 20


@dataclass(frozen=True, kw_only=True)
class MarkovConfig(Config):
    #: Days after which a transition counts half.
    half_life: float = 30.0
    #: Items that are kept to come after each.
    neighbours: int = 100

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "half_life": (0.01, 36_500),
        "neighbours": (1, 1_000),
    }


@algorithms.register("markov")
class Markov(Recommender[MarkovConfig]):
    """The probability that an item is the next step."""

    config_class = MarkovConfig

    _positions: Positions
    #: Item i is followed by `_next[_starts[i]:_starts[i + 1]]`, the most probable first.
    _starts: NDArray[np.int64]
    _next: Indices
    _probabilities: Floats

    def fit(self, dataset: Dataset, options: Options) -> Self:
        options.progress(0, "transitions")
        sessions = sessions_of(dataset.interactions)
        before, after, weights = _transitions(
            sessions, until=dataset.until, half_life=self.config.half_life
        )
        if not len(before):
            raise UnfitData(f"Not one of {len(sessions)} visits has a second step.")
        self._name(dataset.interactions.items)
        self._keep(before, after, weights)
        options.progress(1, "transitions")
        return self

    def score(self, history: History) -> Floats:
        scores = np.zeros(len(self.items), np.float32)
        numbers = self._positions.number
        for item in reversed(steps_of(history, n=_LOOKED_AT)):
            number = numbers.get(item)
            if number is not None and self._starts[number] < self._starts[number + 1]:
                found = slice(self._starts[number], self._starts[number + 1])
                scores[self._next[found]] = self._probabilities[found]
                break
        return scores

    def arrays(self) -> Arrays:
        return {
            "items": texts(self.items),
            "starts": self._starts,
            "next": self._next,
            "probabilities": self._probabilities,
        }

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        self._name(keys(arrays["items"]))
        self._starts = arrays["starts"]
        self._next = arrays["next"]
        self._probabilities = arrays["probabilities"]

    def _name(self, items: tuple[str, ...]) -> None:
        self._positions = positions_of(items)
        self.items = self._positions.items

    def _keep(self, before: Indices, after: Indices, weights: Doubles) -> None:
        """Sum up the transitions and keep the most probable ones of each item."""
        n_items = len(self.items)
        pairs, which = np.unique(before.astype(np.int64) * n_items + after, return_inverse=True)
        sums = np.bincount(which, weights=weights, minlength=len(pairs))
        rows, columns = np.divmod(pairs, n_items)
        shares = sums / np.bincount(rows, weights=sums, minlength=n_items)[rows]
        order = np.lexsort((columns, -shares, rows))
        begins = np.searchsorted(rows, np.arange(n_items))
        kept = order[np.arange(len(rows)) - begins[rows] < self.config.neighbours]
        self._starts = np.searchsorted(rows[kept], np.arange(n_items + 1)).astype(np.int64)
        self._next = columns[kept].astype(np.int32)
        self._probabilities = shares[kept].astype(np.float32)


def _transitions(
    sessions: Sessions, *, until: Microseconds, half_life: float
) -> tuple[Indices, Indices, Doubles]:
    """Return from where and to where each step went, and how much it counts by its age."""
    visits = sessions.visits
    same = visits[1:] == visits[:-1]
    age = np.maximum(until - sessions.ended, 0) / (_DAY * half_life)
    # None is so old that it counts nothing: shares are of what there is.
    weights = np.exp2(-np.minimum(age, 500.0))
    return sessions.items[:-1][same], sessions.items[1:][same], weights[visits[1:][same]]
