"""Ensembles of decision trees as plain arrays, and what they add up to, in numpy.

The nodes of all trees lie one after another. All trees go down at once, a level at each step,
for one row as for many; a leaf leads to itself. Sums run over the trees in their order, one
by one, so that they are those of scikit-learn to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Flags, Indices
from personalization.ml.unfit import UnfitData

#: Cells of rows × trees that are looked at together: what a cache holds.
_CELLS = 200_000


@dataclass(frozen=True, kw_only=True)
class Trees:
    """The arrays; all but `roots`, `sets` and `known` have an entry for each node.

    A node compares the column `feature` of a row: what is at most `threshold` goes to the
    left. Where `category_set` is no -1, it is the row of `sets` that says which categories go
    to the left. What is missing goes to the left where `missing_left`.
    """

    #: The first node of each tree.
    roots: Indices
    feature: Indices
    threshold: Doubles
    left: Indices
    right: Indices
    value: Doubles
    missing_left: Flags
    category_set: Indices
    #: Sets × categories.
    sets: Flags
    #: Features × categories: those that were there to learn from; others count as missing.
    known: Flags

    def __post_init__(self) -> None:
        n = len(self.feature)
        for name in ("left", "right", "roots"):
            each = getattr(self, name)
            if len(each) and not (each.min() >= 0 and each.max() < n):
                raise UnfitData(f"“{name}” has nodes outside of 0…{n - 1}.")

    @cached_property
    def depth(self) -> int:
        """How many steps lead to the deepest leaf.

        :raises UnfitData: if some steps lead in a circle, as no tree's do.
        """
        level = self.roots
        for depth in range(len(self.feature) + 1):
            inner = level[self.left[level] != level]
            if not len(inner):
                return depth
            level = np.concatenate([self.left[inner], self.right[inner]])
            if len(level) > len(self.feature):
                break
        raise UnfitData("These nodes are no trees.")

    def total(self, rows: Doubles, *, start: float = 0.0) -> Doubles:
        """Return for each row `start` plus the values of its leaves."""
        totals = np.empty(len(rows))
        step = max(1, _CELLS // max(1, len(self.roots)))
        for begin in range(0, len(rows), step):
            values = self.value[self.leaves(rows[begin : begin + step])]
            values[:, 0] += start
            # Unlike a sum, it adds one after another.
            totals[begin : begin + step] = np.cumsum(values, axis=1)[:, -1]
        return totals

    def leaves(self, rows: Doubles) -> NDArray[np.intp]:
        """Return the leaves that rows arrive at (rows × trees)."""
        rows, codes = self._coded(rows)
        missing = np.isnan(rows)
        some_missing = bool(missing.any())
        arrived = np.tile(self.roots, len(rows)).astype(np.intp)
        # Who is still on the way: a place in `arrived`, its row and its node.
        place = np.flatnonzero(self._inner[arrived])
        number, node = place // len(self.roots), arrived[place]
        for _ in range(self.depth):
            feature = self.feature[node]
            goes_left = rows[number, feature] <= self.threshold[node]
            if len(self.sets):
                chosen = self.category_set[node]
                in_set = self.sets[chosen, codes[number, feature]]
                goes_left = np.where(chosen >= 0, in_set, goes_left)
            if some_missing:
                gone = missing[number, feature]
                goes_left = np.where(gone, self.missing_left[node], goes_left)
            node = np.where(goes_left, self.left[node], self.right[node])
            arrived[place] = node
            walking = self._inner[node]
            place, number, node = place[walking], number[walking], node[walking]
        return arrived.reshape(len(rows), len(self.roots))

    def _coded(self, rows: Doubles) -> tuple[Doubles, Indices]:
        """Return the rows with unknown categories missing, and their categories as indices."""
        codes = np.zeros(rows.shape, np.int32)
        categorical = self._categorical
        if not len(categorical):
            return rows, codes
        rows = rows.copy()
        given = rows[:, categorical]
        n = self.known.shape[1]
        usable = (given >= 0) & (given < n)
        index = np.where(usable, given, 0).astype(np.int32)
        usable &= self.known[categorical, index]
        rows[:, categorical] = np.where(usable, given, np.nan)
        codes[:, categorical] = np.where(usable, index, 0)
        return rows, codes

    @cached_property
    def _inner(self) -> Flags:
        inner: Flags = self.left != np.arange(len(self.left))
        return inner

    @cached_property
    def _categorical(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.known.any(axis=1))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays as they are kept, in the fewest bytes that lose nothing."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(**{each.name: arrays[each.name] for each in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class Tree:
    """One tree, as arrays of its own nodes; the first is its root, leaves lead to themselves."""

    feature: NDArray[Any]
    threshold: NDArray[Any]
    left: NDArray[Any]
    right: NDArray[Any]
    value: NDArray[Any]
    missing_left: NDArray[Any]
    #: Nodes × categories; all False where a node compares numbers.
    categories_left: Flags
    is_categorical: NDArray[Any]


def planted(trees: Iterable[Tree], *, known: Flags) -> Trees:
    """Return trees as the arrays of an ensemble; equal sets of categories are kept once."""
    grown = list(trees)
    starts = np.cumsum([0] + [len(tree.feature) for tree in grown])[:-1]
    is_categorical = np.concatenate([tree.is_categorical for tree in grown]).astype(bool)
    left_sets = np.concatenate([tree.categories_left for tree in grown])
    sets, number = np.unique(left_sets[is_categorical], axis=0, return_inverse=True)
    category_set = np.full(len(is_categorical), -1, np.int32)
    category_set[is_categorical] = number.reshape(-1)

    def joined(name: str, dtype: type[np.generic]) -> NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in grown]).astype(dtype)

    def moved(name: str) -> Indices:
        pairs = zip(starts, grown, strict=True)
        return np.concatenate([getattr(tree, name) + start for start, tree in pairs]).astype(
            np.int32
        )

    return Trees(
        roots=starts.astype(np.int32),
        feature=joined("feature", np.int32),
        threshold=joined("threshold", np.float64),
        left=moved("left"),
        right=moved("right"),
        value=joined("value", np.float64),
        missing_left=joined("missing_left", np.bool_),
        category_set=category_set,
        sets=sets.astype(bool),
        known=known,
    )


def known_categories(rows: Doubles, categorical: tuple[int, ...]) -> Flags:
    """Return which categories are in `rows` (features × categories); none for other columns."""
    widest = max((int(np.nanmax(rows[:, n], initial=-1)) + 1 for n in categorical), default=0)
    known = np.zeros((rows.shape[1], max(widest, 1)), bool)
    for n in categorical:
        column = rows[:, n]
        known[n, column[~np.isnan(column)].astype(int)] = True
    return known
