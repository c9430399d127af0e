"""Rows that come one by one, as the columns of `Interactions`: numbers instead of objects."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping

import numpy as np

from personalization.clock import microseconds
from personalization.ml.arrays import Indices, Instants
from personalization.ml.interactions import Interactions
from personalization.ml.training.journeys import Done


class Columns:
    """What was read so far, 32 bytes a row beside the keys of items."""

    def __init__(self) -> None:
        self._visitor, self._visit = array("i"), array("i")
        self._item, self._kind = array("i"), array("i")
        self._amount, self._at = array("f"), array("q")
        self._items: dict[str, int] = {}
        self._kinds: dict[str, int] = {}
        self._n_visitors = self._n_visits = 0

    def add(self, done: Iterable[Done]) -> None:
        """Add all that one visitor did."""
        visits: dict[int, int] = {}
        for visit, concern, at in done:
            self._visitor.append(self._n_visitors)
            self._visit.append(visits.setdefault(visit, self._n_visits + len(visits)))
            self._item.append(self._items.setdefault(concern.item, len(self._items)))
            self._kind.append(self._kinds.setdefault(concern.kind, len(self._kinds)))
            self._amount.append(concern.amount)
            self._at.append(microseconds(at))
        self._n_visitors += bool(visits)
        self._n_visits += len(visits)

    def interactions(self) -> Interactions:
        """Return the rows in the order of time.

        Visitors and visits are counted in the order in which they first did something, so
        that a number says nothing of whom the database had first.
        """
        at = np.frombuffer(self._at, np.int64)
        visit = np.frombuffer(self._visit, np.int32)
        visit = _by_appearance(visit, np.lexsort((visit, at)))
        order = np.lexsort((visit, at))  # stable: what one visit did at once stays as it was
        items, item = _sorted(self._items, self._item)
        kinds, kind = _sorted(self._kinds, self._kind)
        visitor = _by_appearance(np.frombuffer(self._visitor, np.int32), order)
        return Interactions(
            visitor=visitor[order],
            visit=visit[order],
            item=item[order],
            kind=kind[order],
            amount=np.frombuffer(self._amount, np.float32)[order],
            at=at[order],
            items=items,
            kinds=kinds,
        )


def _by_appearance(numbers: Indices, order: Instants) -> Indices:
    """Return `numbers` renumbered by which comes first when they are put into `order`."""
    known, first = np.unique(numbers[order], return_index=True)
    renumbered = np.zeros(int(known.max()) + 1 if len(known) else 0, np.int32)
    renumbered[known[np.argsort(first)]] = np.arange(len(known), dtype=np.int32)
    return renumbered[numbers]


def _sorted(names: Mapping[str, int], column: array[int]) -> tuple[tuple[str, ...], Indices]:
    """Return the names in their order, and the column as indices of that."""
    ordered = tuple(sorted(names))
    renumbered = np.zeros(len(ordered), np.int32)
    for index, name in enumerate(ordered):
        renumbered[names[name]] = index
    return ordered, renumbered[np.frombuffer(column, np.int32)]
