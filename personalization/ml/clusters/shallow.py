"""Trees of a few questions, small enough to be read: what groups are put into words by.

Source: L. Breiman and others, Classification and Regression Trees (1984).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil, floor, isfinite, log10
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Flags

#: Digits that thresholds are tried with, the roundest first.
_DIGITS = (1, 2, 3)
#: Units in which people say how long something was ago, in days: from a week to a minute.
_UNITS: Final = (7.0, 1.0, 1 / 2, 1 / 4, 1 / 24, 1 / 96, 1 / 1440)
#: Where those go that a question cannot be asked of: to `low`, to `high`, or out of it all.
Missing = Literal["low", "high", "out"]


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """The end of a way: whether who comes here is `inside`."""

    inside: bool


@dataclass(frozen=True, kw_only=True)
class Split:
    """Those go to `low` whose column is at most the threshold, those above to `high`."""

    column: int
    threshold: float
    low: Tree
    high: Tree
    missing: Missing = "out"


Tree: TypeAlias = Leaf | Split


def says(tree: Tree, rows: Doubles) -> Flags:
    """Return for each of `rows` (n × columns; NaN: not known) whether the tree says it is
    inside."""
    if isinstance(tree, Leaf):
        return np.full(len(rows), tree.inside)
    found = np.zeros(len(rows), np.bool_)
    low, high = _ways(tree, rows)
    found[low] = says(tree.low, rows[low])
    found[high] = says(tree.high, rows[high])
    return found


def _ways(split: Split, rows: Doubles) -> tuple[Flags, Flags]:
    values = rows[:, split.column]
    unknown = np.isnan(values)
    low = np.where(unknown, split.missing == "low", values <= split.threshold)
    high = np.where(unknown, split.missing == "high", values > split.threshold)
    return low, high


def f1(said: Flags, members: Flags) -> float:
    """Return the harmonic mean of precision and recall; 0 if nobody is found."""
    both = float((said & members).sum())
    return 2 * both / (float(said.sum()) + float(members.sum())) if both else 0.0


def learned(rows: Doubles, members: Flags, *, depth: int, smallest: int, seed: int) -> Tree:
    """Return the tree of `depth` questions at most on a way that tells `members` (n) from the
    others best; no end of it has less than `smallest` of the rows."""
    from sklearn.tree import DecisionTreeClassifier

    if members.all() or not members.any():
        return Leaf(inside=bool(members.all()))
    learner = DecisionTreeClassifier(
        max_depth=depth, min_samples_leaf=max(1, smallest), random_state=seed
    ).fit(rows, members)
    tree = learner.tree_
    ends = learner.apply(rows)
    grown = _Grown(
        tree.feature, tree.threshold, tree.children_left, tree.children_right,
        tree.missing_go_to_left, _inside(ends, members),
    )  # fmt: skip
    return joined(grown.at(0, rows))


def _inside(ends: NDArray[np.int64], members: Flags) -> frozenset[int]:
    """Return the ends that are said to be inside: those with the largest share of members, as
    many as make F1 highest."""
    numbers, place = np.unique(ends, return_inverse=True)
    n = np.bincount(place).astype(np.float64)
    hits = np.bincount(place, weights=members)
    order = np.argsort(-hits / n, kind="stable")
    scores = 2 * np.cumsum(hits[order]) / (np.cumsum(n[order]) + hits.sum())
    return frozenset(int(end) for end in numbers[order[: int(scores.argmax()) + 1]])


@dataclass(frozen=True)
class _Grown:
    """A tree as scikit-learn has it: an entry for each node."""

    column: Any
    threshold: Any
    low: Any
    high: Any
    missing_low: Any
    inside: frozenset[int]

    def at(self, node: int, rows: Doubles) -> Tree:
        """Return the tree below `node`, which `rows` come to."""
        if self.low[node] < 0:
            return Leaf(inside=node in self.inside)
        column = int(self.column[node])
        side: Missing = "low" if self.missing_low[node] else "high"
        split = Split(
            column=column,
            threshold=float(self.threshold[node]),
            low=Leaf(inside=False),
            high=Leaf(inside=False),
            # Where nothing was missing, nothing is known of those of whom it is.
            missing=side if np.isnan(rows[:, column]).any() else "out",
        )
        low, high = _ways(split, rows)
        return replace(
            split,
            low=self.at(int(self.low[node]), rows[low]),
            high=self.at(int(self.high[node]), rows[high]),
        )


def joined(tree: Tree) -> Tree:
    """Return the tree without questions whose answer changes nothing."""
    if isinstance(tree, Leaf):
        return tree
    low, high = joined(tree.low), joined(tree.high)
    return low if low == high else replace(tree, low=low, high=high)


def simplified(
    tree: Tree, rows: Doubles, members: Flags, *, least: float, days: Collection[int] = ()
) -> Tree:
    """Return the tree with as few questions, and as round thresholds, as keep F1 at `least`.

    The columns in `days` count days: what is round there are weeks, days, hours and minutes.
    """
    shorter = _shorter(tree, rows, members, least=least)
    return joined(_rounded(shorter, rows, members, least=least, days=days))


def _shorter(tree: Tree, rows: Doubles, members: Flags, *, least: float) -> Tree:
    """Return the tree after giving up questions, one by one, whose loss costs least."""
    while True:
        candidates = [joined(each) for each in _without_one(tree)]
        scored = [(f1(says(each, rows), members), each) for each in candidates]
        best = max(scored, key=lambda each: each[0], default=(0.0, tree))
        if best[0] < least or best[0] == 0 or isinstance(best[1], Leaf):
            return tree
        tree = best[1]


def _without_one(tree: Tree) -> Iterator[Tree]:
    """Yield the tree with one question less: an end, or one of its branches, in its place."""
    if isinstance(tree, Leaf):
        return
    yield from (Leaf(inside=True), Leaf(inside=False), tree.low, tree.high)
    yield from (replace(tree, low=low) for low in _without_one(tree.low))
    yield from (replace(tree, high=high) for high in _without_one(tree.high))


def _rounded(
    tree: Tree, rows: Doubles, members: Flags, *, least: float, days: Collection[int]
) -> Tree:
    """Return the tree with each threshold as round as keeps F1 at `least`."""
    for path in list(_splits(tree)):
        here = split = _at(tree, path)
        assert isinstance(split, Split)
        rounder = _rounder_days if split.column in days else _rounder
        for threshold in rounder(split.threshold, rows[:, split.column]):
            changed = _with(tree, path, replace(split, threshold=threshold))
            if f1(says(changed, rows), members) >= least:
                here = replace(split, threshold=threshold)
                break
        tree = _with(tree, path, here)
    return tree


def _rounder(threshold: float, values: Doubles) -> list[float]:
    """Return thresholds near this one, the roundest first; of those equally round, the one that
    parts the same values."""
    if not isfinite(threshold):
        return []  # it parts those of whom something is known from the others
    power = floor(log10(abs(threshold))) if threshold else 0
    near = [round(threshold, digits - 1 - power) for digits in _DIGITS]
    low = values[values <= threshold]
    high = values[values > threshold]
    if len(low) and len(high):
        near.insert(0, between(float(low.max()), float(high.min())))
    return sorted(near, key=_digits)


def _rounder_days(threshold: float, values: Doubles) -> list[float]:
    """Return thresholds near this one that people say in weeks, days, hours or minutes, the
    longest unit first: the nearest of each unit, and the first that parts the same values."""
    if not isfinite(threshold):
        return []
    low, high = values[values <= threshold], values[values > threshold]
    found = []
    for unit in _UNITS:
        near = round(threshold / unit) * unit
        if near > 0:
            found.append(near)
        if len(low) and len(high):
            parts = ceil(float(low.max()) / unit) * unit
            if 0 < parts < float(high.min()) and parts != near:
                found.append(parts)
    return found


def _digits(number: float) -> int:
    """Return how many digits it takes to write it down, leading and trailing zeros aside."""
    return len(Decimal(repr(number)).normalize().as_tuple().digits)


def between(low: float, high: float) -> float:
    """Return the roundest number from `low` on that is below `high`."""
    width = high - low
    for power in range(ceil(log10(max(abs(low), abs(high), width))) + 1, -16, -1):
        step = 10.0**power
        if abs(low) / step < 1e15:
            candidate = round(ceil(low / step) * step, max(0, -power))
            if low <= candidate < high:
                return candidate
    return low


Path: TypeAlias = tuple[Literal["low", "high"], ...]


def _splits(tree: Tree) -> Iterator[Path]:
    if isinstance(tree, Split):
        yield ()
        yield from (("low", *path) for path in _splits(tree.low))
        yield from (("high", *path) for path in _splits(tree.high))


def _at(tree: Tree, path: Path) -> Tree:
    for step in path:
        assert isinstance(tree, Split)
        tree = tree.low if step == "low" else tree.high
    return tree


def _with(tree: Tree, path: Path, part: Tree) -> Tree:
    if not path:
        return part
    assert isinstance(tree, Split)
    if path[0] == "low":
        return replace(tree, low=_with(tree.low, path[1:], part))
    return replace(tree, high=_with(tree.high, path[1:], part))
