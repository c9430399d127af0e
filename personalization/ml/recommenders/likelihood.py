"""Weights under which what came next was likeliest: a conditional logit (McFadden, 1974)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles
from personalization.ml.recommenders.answers import Table

#: Of the squared weights, so that engines that say the same share it.
_REGULARIZATION = 1.0
_STEPS, _HALVINGS = 50, 12
_NEAR = 1e-4


def likeliest(table: Table) -> Doubles:
    """Return a weight for each engine, none below 0 and the largest 1, with which the sum of
    scores makes the right one of each question's candidates likeliest; all alike if no engine
    says anything. Of several right ones each counts a part, so that a question counts once. Only
    those count that are candidates by themselves: given that, the likelihood is that of the
    candidates alone, however they were chosen.

    Newton's method on those that are not held at 0, with halved steps.
    """
    table = table.informative()
    if not len(table):
        return np.ones(table.scores.shape[1])
    scores = table.scores.astype(np.float64)
    parts = _parts(table)
    weights = np.zeros(scores.shape[1])
    value = _value(table, scores, parts, weights)
    for _ in range(_STEPS):
        step = _step(table, scores, parts, weights)
        for halving in range(_HALVINGS):
            moved = np.maximum(weights + step / 2**halving, 0)
            better = _value(table, scores, parts, moved)
            if better > value:
                break
        else:
            break
        near = np.abs(moved - weights).max() < _NEAR
        weights, value = moved, better
        if near:
            break
    largest = weights.max()
    return weights / largest if largest > 0 else np.ones_like(weights)


def _parts(table: Table) -> Doubles:
    """Return what each row counts (n rows): those that are right 1 together in each question."""
    n_right = np.add.reduceat(table.right, table.starts[:-1], dtype=np.float64)
    parts: Doubles = table.right / np.repeat(n_right, np.diff(table.starts))
    return parts


def _value(table: Table, scores: NDArray[np.float64], parts: Doubles, weights: Doubles) -> float:
    summed = scores @ weights
    begins = table.starts[:-1]
    most = np.maximum.reduceat(summed, begins)
    sums = np.add.reduceat(np.exp(summed - np.repeat(most, np.diff(table.starts))), begins)
    likely = float(parts @ summed) - float((most + np.log(sums)).sum())
    return likely - _REGULARIZATION / 2 * float(weights @ weights)


def _step(table: Table, scores: NDArray[np.float64], parts: Doubles, weights: Doubles) -> Doubles:
    lengths, begins = np.diff(table.starts), table.starts[:-1]
    summed = scores @ weights
    powers = np.exp(summed - np.repeat(np.maximum.reduceat(summed, begins), lengths))
    shares = powers / np.repeat(np.add.reduceat(powers, begins), lengths)
    weighed = scores * shares[:, None]
    expected = np.add.reduceat(weighed, begins, axis=0)
    slope = parts @ scores - expected.sum(axis=0) - _REGULARIZATION * weights
    curve = weighed.T @ scores - expected.T @ expected + _REGULARIZATION * np.eye(len(weights))
    free = np.flatnonzero((weights > 0) | (slope > 0))
    step = np.zeros_like(weights)
    step[free] = np.linalg.solve(curve[np.ix_(free, free)], slope[free])
    return step
