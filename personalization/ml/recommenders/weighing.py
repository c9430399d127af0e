"""Which weights engines get: those that would have been best for what came next of late."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from personalization.ml.arrays import Doubles, Floats
from personalization.ml.recommenders.answers import Table
from personalization.ml.recommenders.blend import LENGTHS
from personalization.ml.recommenders.likelihood import likeliest

#: Questions that are needed to choose by.
ENOUGH = 30
#: Weights of popularity that are tried, where 1 is that of the weightiest engine.
_OF_POPULARITY = (0.0, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
#: Lengths (blend.LENGTHS) that share the weights of engines: what is best after two steps is
#: not after fifty. With fewer questions of a group, all are asked.
_GROUPS, _ENOUGH_OF_A_GROUP = ((0, 1, 2), (3, 4), (5,)), 100
#: Weights of popularity for each length where there is too little to choose by.
_SHIPPED = (1.0, 0.5, 0.25, 0.1, 0.05, 0.05)
#: Popularity beside which nothing else counts.
_ALONE = math.inf
#: Evaluations that a search may take.
MOST = 50


def searched(table: Table, *, popularity: int) -> Floats:
    """Return weights for each length of history (lengths × engines), found by trying.

    `popularity` is the column that is popularity. It is tried alone, too, so what is returned
    is at no length worse for these questions; and its weight falls with length.
    """
    rows = np.zeros((len(LENGTHS), table.scores.shape[1]), np.float32)
    for buckets in _GROUPS:
        part = table.of(*buckets)
        judged_by = part if len(part) >= _ENOUGH_OF_A_GROUP else table
        rows[list(buckets)] = _engines(judged_by, popularity=popularity)
    least = 0.0 if rows.any() else _ALONE
    for bucket in reversed(range(len(LENGTHS))):
        part = table.of(bucket)
        tried = {
            share: _beside(rows[bucket], popularity, share)
            for share in (*_OF_POPULARITY, _ALONE)
            if share >= least
        }
        if len(part) >= ENOUGH:
            least = _least({share: part.gains(row) for share, row in tried.items()})
        else:
            least = max(least, _SHIPPED[bucket])
        rows[bucket] = tried[least]
    return rows


def _least(gains: Mapping[float, Doubles]) -> float:
    """Return the least share that is not worse than popularity alone, nor by more than chance
    (one standard error of the difference) than the best: few questions prove little."""
    mean = {share: float(each.mean()) for share, each in gains.items()}
    best = max(mean, key=lambda share: mean[share])
    for share in sorted(gains):
        behind = gains[best] - gains[share]
        chance = float(behind.std()) / math.sqrt(len(behind))
        if mean[share] >= mean[_ALONE] and float(behind.mean()) <= chance:
            return share
    return best


def shipped(n_engines: int, *, popularity: int) -> Floats:
    """Return the weights where there is too little to choose by: all engines alike, and of
    popularity the less the more is known."""
    rows = np.ones((len(LENGTHS), n_engines), np.float32)
    rows[:, popularity] = _SHIPPED
    return rows


def _engines(table: Table, *, popularity: int) -> Floats:
    """Return weights without popularity: those of likelihood, unless all alike or one engine
    alone prove to make better lists; and then moved as that proves to make better ones."""
    n_engines = table.scores.shape[1]
    others = [column for column in range(n_engines) if column != popularity]
    if not others:
        return np.zeros(n_engines, np.float32)
    begins = [likeliest(table), np.ones(n_engines), *np.eye(n_engines)[others]]
    tried = [_with(weights.astype(np.float32), popularity, 0.0) for weights in begins]
    gains = [table.gains(weights) for weights in tried]
    proven = [0, *(place for place in range(1, len(tried)) if _proves(gains[place], gains[0]))]
    first = max(proven, key=lambda place: float(gains[place].mean()))
    weights, best, left = tried[first], gains[first], MOST - len(tried)
    for column in others:
        for share in _near(float(weights[column])):
            moved = _with(weights, column, share)
            if left > 0 and _proves(now := table.gains(moved), best):
                best, weights = now, moved
            left -= 1
    return weights


def _proves(gains: Doubles, best: Doubles) -> bool:
    """Whether `gains` are better by more than a standard error of the difference: of many
    things that are tried, one seems better by chance."""
    more = gains - best
    return float(more.mean()) > float(more.std()) / math.sqrt(len(more))


def _near(weight: float) -> tuple[float, ...]:
    return (0.0, weight * 0.6, weight * 1.5) if weight else (0.05,)


def _with(weights: Floats, column: int, weight: float) -> Floats:
    changed = weights.copy()
    changed[column] = weight
    return changed


def _beside(weights: Floats, popularity: int, share: float) -> Floats:
    if share < _ALONE:
        return _with(weights, popularity, share)
    return _with(np.zeros_like(weights), popularity, 1.0)
