"""How close items are to each other: a few neighbours of each, or all where that is little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Floats, Indices
from personalization.ml.base import Arrays

#: Rows of items that are worked on at once: bounds memory to this times the number of items.
BLOCK = 256


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Row i has the neighbours of item i and their weights (both n items × k); a row with
    fewer than k is filled up with weights of 0."""

    neighbours: Indices
    weights: Floats

    def summed(self, rows: Indices) -> Floats:
        """Return for each item the sum of its weights in `rows`."""
        sums = np.zeros(len(self.neighbours), np.float32)
        # Numbers as numpy indexes by: with these it adds without a look at each of them before.
        columns = self.neighbours.take(rows, axis=0).ravel().astype(np.intp)
        np.add.at(sums, columns, self.weights.take(rows, axis=0).ravel())
        return sums

    def averaged(self, shares: Floats) -> Floats:
        """Return for each item the sum of its weights in all rows times `shares` of these."""
        weights = (self.weights * shares[:, None]).ravel()
        sums = np.bincount(self.neighbours.ravel(), weights, minlength=len(self.neighbours))
        return sums.astype(np.float32)

    def arrays(self) -> Arrays:
        return {"neighbours": self.neighbours, "weights": self.weights}


@dataclass(frozen=True, kw_only=True)
class Everyone:
    """Row i has the weight of each item beside item i (n items × n items).

    Kept in half precision, which moves no item by more than a place among near equals.
    """

    weights: Floats

    def summed(self, rows: Indices) -> Floats:
        """Return for each item the sum of its weights in `rows`."""
        sums: Floats = self.weights[rows].sum(axis=0, dtype=np.float32)
        return sums

    def averaged(self, shares: Floats) -> Floats:
        """Return for each item the sum of its weights in all rows times `shares` of these."""
        sums: Floats = shares @ self.weights
        return sums

    def arrays(self) -> Arrays:
        return {"weights": self.weights.astype(np.float16)}


Closeness: TypeAlias = Neighbours | Everyone


def closeness(blocks: Iterator[Floats], *, n_items: int, n: int) -> Closeness:
    """Return the `n` strongest weights of each row of `blocks` (any number of rows × items),
    or all of them if there are no more items than `n`."""
    if n >= n_items:
        everyone = np.concatenate(list(blocks)).astype(np.float16)
        return Everyone(weights=everyone.astype(np.float32))
    indices = np.empty((n_items, n), np.int32)
    weights = np.empty((n_items, n), np.float32)
    row = 0
    for block in blocks:
        indices[row : row + len(block)], weights[row : row + len(block)] = strongest(block, n)
        row += len(block)
    return Neighbours(neighbours=indices, weights=weights)


def restored(arrays: Arrays) -> Closeness:
    """Return what `arrays` are of."""
    if "neighbours" in arrays:
        return Neighbours(neighbours=arrays["neighbours"], weights=arrays["weights"])
    return Everyone(weights=arrays["weights"].astype(np.float32))


def strongest(block: Floats, n: int) -> tuple[Indices, Floats]:
    """Return the columns of the `n` values of each row that are farthest from 0, and these,
    the farthest first, equal ones by column."""
    size = np.abs(block)
    found = np.argpartition(-size, n - 1, axis=1)[:, :n]
    found.sort(axis=1)
    order = np.argsort(-np.take_along_axis(size, found, axis=1), axis=1, kind="stable")
    found = np.take_along_axis(found, order, axis=1)
    return found.astype(np.int32), np.take_along_axis(block, found, axis=1).astype(np.float32)


def products(left: Any, right: Any) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Yield rows of `left` @ `right`, both sparse and the product square: which rows they are,
    and the rows, with 0 on the diagonal."""
    n_rows: int = left.shape[0]
    for start in range(0, n_rows, BLOCK):
        rows = np.arange(start, min(start + BLOCK, n_rows))
        block = (left[start : start + BLOCK] @ right).toarray()
        block[rows - start, rows] = 0
        yield rows, block
