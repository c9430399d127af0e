"""Who did something with what: visitors × items, and the same for one history.

Only learning needs scipy; what scores, and what is kept, is numpy.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Floats, Indices
from personalization.ml.base import InvalidConfig
from personalization.ml.interactions import Interactions
from personalization.ml.item_events import ENGAGED, ItemEvents
from personalization.ml.unfit import UnfitData

_HEAVIEST = 1000.0


def shipped_weights() -> dict[str, float]:
    """Return what each kind of event says about liking its item; any other says 1."""
    return ItemEvents().weights


def shipped_dwell() -> dict[str, float]:
    """Return the kinds whose amount is time spent on an item, with a unit in seconds."""
    return {ENGAGED: 60.0}


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """One row for each visitor who did something: row r has `values[starts[r]:starts[r + 1]]`
    in `columns[starts[r]:starts[r + 1]]`, which ascend. Rows are known by nothing else."""

    starts: NDArray[np.int64]
    columns: Indices
    #: Above 0.
    values: Floats
    #: Keys of the items that columns are of; each of them has a value somewhere.
    items: tuple[str, ...]

    @property
    def n_rows(self) -> int:
        return len(self.starts) - 1

    @property
    def rows(self) -> Indices:
        """The row of each value."""
        lengths = np.diff(self.starts)
        return np.repeat(np.arange(self.n_rows, dtype=np.int32), lengths)

    def counts(self) -> NDArray[np.int64]:
        """Return the number of visitors of each item."""
        return np.bincount(self.columns, minlength=len(self.items)).astype(np.int64)

    def sparse(self, dtype: type[np.floating[Any]] = np.float32) -> Any:
        """Return it as `scipy.sparse.csr_array`."""
        from scipy.sparse import csr_array

        return csr_array(
            (self.values.astype(dtype), self.columns, self.starts),
            shape=(self.n_rows, len(self.items)),
        )

    def turned(self) -> Matrix:
        """Return it with items as rows and visitors as columns, which have no keys."""
        order = np.argsort(self.columns, kind="stable")
        starts = np.concatenate(([0], np.cumsum(self.counts()))).astype(np.int64)
        return Matrix(
            starts=starts,
            columns=self.rows[order],
            values=self.values[order],
            items=("",) * self.n_rows,
        )

    def only(self, chosen: NDArray[np.bool_]) -> Matrix:
        """Return it with those of its values; rows and items that then have none go."""
        left, columns = np.unique(self.columns[chosen], return_inverse=True)
        items = tuple(self.items[index] for index in left)
        return _compressed(self.rows[chosen], columns, self.values[chosen], items=items)

    def most_active(self, n: int) -> Matrix:
        """Return it with the `n` items that most visitors did something with."""
        if n >= len(self.items):
            return self
        chosen = np.sort(np.argsort(-self.counts(), kind="stable")[:n])
        number = np.full(len(self.items), -1, np.int32)
        number[chosen] = np.arange(n, dtype=np.int32)
        kept = number[self.columns] >= 0
        return _compressed(
            self.rows[kept],
            number[self.columns[kept]],
            self.values[kept],
            items=tuple(self.items[index] for index in chosen),
        )


def binary_matrix(interactions: Interactions) -> Matrix:
    """Return 1 wherever a visitor did anything with an item that does not speak against it.

    :raises UnfitData: if there is no such interaction.
    """
    interactions = interactions.in_favour()
    if not len(interactions):
        raise UnfitData("There is not one interaction to learn from; at least 1 is needed.")
    pairs = np.unique(_pairs(interactions))
    return _of_pairs(pairs, np.ones(len(pairs), np.float32), interactions)


def weighted_matrix(
    interactions: Interactions,
    *,
    weights: Mapping[str, float],
    dwell: Mapping[str, float],
) -> Matrix:
    """Return how much a visitor's events say about liking an item: the sum of the weights of
    their kinds, and for the kinds in `dwell` the logarithm of 1 + `amount` over that unit.

    `weights` has kind → weight, any other kind counts 1. What sums up to 0 or less is left
    out: it was disliked.

    :raises UnfitData: if nothing is left.
    """
    if not len(interactions):
        raise UnfitData("There is not one interaction to learn from; at least 1 is needed.")
    of_kind = np.array([weights.get(kind, 1.0) for kind in interactions.kinds], np.float64)
    said = of_kind[interactions.kind] + _dwelled(interactions, dwell)
    pairs, which = np.unique(_pairs(interactions), return_inverse=True)
    sums = np.bincount(which, weights=said, minlength=len(pairs))
    liked = sums > 0
    if not liked.any():
        raise UnfitData(f"All {len(pairs)} pairs of visitor and item weigh 0 or less.")
    return _of_pairs(pairs[liked], sums[liked].astype(np.float32), interactions)


def check_weights(
    name: str, weights: object, *, least: float = -_HEAVIEST, most: float = _HEAVIEST
) -> None:
    """Check a field of a configuration that has kind → number.

    :raises InvalidConfig: naming the first that is not allowed.
    """
    if not isinstance(weights, Mapping):
        raise InvalidConfig(f"“{name}” is {weights!r}; allowed: names of events with a number.")
    for kind, weight in weights.items():
        if not isinstance(weight, int | float) or not least <= weight <= most:
            raise InvalidConfig(
                f"“{name}” of “{kind}” is {weight!r}; allowed: {least:g} to {most:g}."
            )


def texts(items: tuple[str, ...]) -> NDArray[np.str_]:
    """Return keys as an array to keep."""
    return np.array(items, dtype=np.str_)


def keys(array: NDArray[Any]) -> tuple[str, ...]:
    """Return kept keys as they were: one text for each, whichever arrays have it, as the engines
    of a stack have the same items."""
    return tuple(map(sys.intern, array.tolist()))


def _pairs(interactions: Interactions) -> NDArray[np.int64]:
    return interactions.visitor.astype(np.int64) * len(interactions.items) + interactions.item


def _dwelled(interactions: Interactions, dwell: Mapping[str, float]) -> Doubles:
    units = np.array([dwell.get(kind, np.inf) for kind in interactions.kinds], np.float64)
    amount = np.nan_to_num(interactions.amount.astype(np.float64), nan=0.0, posinf=0.0)
    shares: Doubles = np.log1p(np.maximum(amount, 0.0) / units[interactions.kind])
    return shares


def _of_pairs(pairs: NDArray[np.int64], values: Floats, interactions: Interactions) -> Matrix:
    visitors, columns = np.divmod(pairs, len(interactions.items))
    used, numbered = np.unique(columns, return_inverse=True)
    items = tuple(interactions.items[index] for index in used)
    return _compressed(visitors, numbered, values, items=items)


def _compressed(
    rows: NDArray[Any], columns: NDArray[Any], values: Floats, *, items: tuple[str, ...]
) -> Matrix:
    """Return the matrix of values that are ordered by row and column; rows without any go."""
    _, lengths = np.unique(rows, return_counts=True)
    starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    return Matrix(starts=starts, columns=columns.astype(np.int32), values=values, items=items)
