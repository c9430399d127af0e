"""For each item the few others that are closest to it, and how close."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from personalization.ml.arrays import Floats, Indices

#: Rows of items that are worked on at once: bounds memory to this times the number of items.
_BLOCK = 256


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Row i has the neighbours of item i and their weights (both n items × k); a row with
    fewer than k is filled up with weights of 0."""

    neighbours: Indices
    weights: Floats

    def summed(self, rows: Indices) -> Floats:
        """Return for each item the sum of its weights in `rows`."""
        n_items = len(self.neighbours)
        sums = np.bincount(
            self.neighbours[rows].ravel(), weights=self.weights[rows].ravel(), minlength=n_items
        )
        return sums.astype(np.float32)


def strongest(block: Floats, n: int) -> tuple[Indices, Floats]:
    """Return the columns of the `n` values of each row that are farthest from 0, and these,
    the farthest first."""
    n = min(n, block.shape[1])
    size = np.abs(block)
    found = np.argpartition(-size, n - 1, axis=1)[:, :n]
    # By column first, so that equal ones are in one order whatever the partition did.
    found.sort(axis=1)
    order = np.argsort(-np.take_along_axis(size, found, axis=1), axis=1, kind="stable")
    found = np.take_along_axis(found, order, axis=1)
    return found.astype(np.int32), np.take_along_axis(block, found, axis=1).astype(np.float32)


def neighbours_of(blocks: Iterator[Floats], *, n_items: int, n: int) -> Neighbours:
    """Return the `n` strongest of each row of `blocks` (any number of rows × n items)."""
    n = min(n, n_items)
    indices = np.empty((n_items, n), np.int32)
    weights = np.empty((n_items, n), np.float32)
    row = 0
    for block in blocks:
        indices[row : row + len(block)], weights[row : row + len(block)] = strongest(block, n)
        row += len(block)
    return Neighbours(neighbours=indices, weights=weights)


def products(left: Any, right: Any) -> Iterator[tuple[slice, Floats]]:
    """Yield rows of `left` @ `right`, both sparse, as they are and without their diagonal."""
    for start in range(0, left.shape[0], _BLOCK):
        rows = slice(start, min(start + _BLOCK, left.shape[0]))
        block = (left[rows] @ right).toarray()
        block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = 0
        yield rows, block
