"""Where items are among those of a model: one table for all engines that have the same ones.

A stack asks each of its engines about the same history. Were each to look its items up in a table
of its own, most of the time would go into reading these into the cache of the processor.
"""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakValueDictionary

import numpy as np

from personalization.ml.arrays import Floats, Indices
from personalization.ml.history import History


class Positions:
    """Where the items of a history are among those of a model."""

    def __init__(self, items: tuple[str, ...]) -> None:
        self.items = items
        #: Key → index.
        self.number = {key: index for index, key in enumerate(items)}

    def of(self, history: History) -> Indices:
        """Return the known items of a history, each once, in the order they first came."""
        found = dict.fromkeys(map(self.number.get, history.items))
        found.pop(None, None)
        return np.fromiter(found, np.int32, len(found))

    def weighted(self, history: History, *, weights: Mapping[str, float]) -> tuple[Indices, Floats]:
        """Return the same with the sum of the weights of each; those up to 0 are left out."""
        sums: dict[int, float] = {}
        index_of, so_far, weight_of = self.number.get, sums.get, weights.get
        for step in history.steps:
            index = index_of(step.item)
            if index is not None:
                sums[index] = so_far(index, 0.0) + weight_of(step.kind, 1.0)
        liked = sums
        if min(sums.values(), default=0.0) <= 0:
            liked = {index: said for index, said in sums.items() if said > 0}
        return (
            np.fromiter(liked, np.int32, len(liked)),
            np.fromiter(liked.values(), np.float32, len(liked)),
        )


#: They go when the last model that has them does.
_positions: WeakValueDictionary[tuple[str, ...], Positions] = WeakValueDictionary()


def positions_of(items: tuple[str, ...]) -> Positions:
    """Return where these items are; for equal items the same, as long as any model holds it."""
    found = _positions.get(items)
    return found if found is not None else _positions.setdefault(items, Positions(items))
