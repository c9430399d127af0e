"""Alternating least squares, in numpy: one side of the factors at a time, many rows at once.

Rows of about equal length are padded to one and solved together by a few steps of conjugate
gradients that start from what the row was before (Takács, Pilászy and Tikk 2011), so that no
factors × factors matrix is made for any row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from personalization.ml.arrays import Floats, Indices
from personalization.ml.recommenders.matrix import Matrix

#: Values that are worked on at once: times 64 factors, what stays in a core's cache.
_AT_ONCE = 8192
_TINY = 1e-20


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows with their values, padded to the longest of them by a column that is no item's."""

    rows: Indices
    #: rows × longest
    columns: Indices
    confidences: Floats
    lengths: Floats


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """What is regularized with, and how much is sure of what nobody did.

    Rendle, Krichene, Zhang and Koren (2021), “Revisiting the Performance of iALS on Item
    Recommendation Benchmarks”: a row of n values is regularized by λ (n + α₀ × columns).
    """

    regularization: float
    unobserved: float

    def of(self, lengths: Floats, *, n_columns: int) -> Floats:
        penalties: Floats = self.regularization * (lengths + self.unobserved * n_columns)
        return penalties.astype(np.float32)


def batches(matrix: Matrix) -> list[Batch]:
    """Return all rows of a matrix, the longest first."""
    lengths = np.diff(matrix.starts)
    order = np.argsort(-lengths, kind="stable")
    made: list[Batch] = []
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        rows = order[start : start + max(1, _AT_ONCE // longest)]
        made.append(_batch(matrix, rows.astype(np.int32), longest))
        start += len(rows)
    return made


def _batch(matrix: Matrix, rows: Indices, longest: int) -> Batch:
    lengths = matrix.starts[rows + 1] - matrix.starts[rows]
    places = matrix.starts[rows][:, None] + np.arange(longest)
    padding = np.arange(longest) >= lengths[:, None]
    places[padding] = 0
    columns = np.where(padding, len(matrix.items), matrix.columns[places])
    confidences = np.where(padding, 0, matrix.values[places])
    return Batch(
        rows=rows,
        columns=columns.astype(np.int32),
        confidences=confidences.astype(np.float32),
        lengths=lengths.astype(np.float32),
    )


def solved(
    parts: list[Batch], *, mine: Floats, theirs: Floats, penalties: Penalties, n_steps: int
) -> Floats:
    """Return better factors of one side (rows × factors), given those of the other."""
    gram = penalties.unobserved * (theirs.T @ theirs)
    padded = np.concatenate([theirs, np.zeros((1, theirs.shape[1]), np.float32)])
    better = np.empty_like(mine)
    for part in parts:
        own = penalties.of(part.lengths, n_columns=len(theirs))[:, None]
        near = padded.take(part.columns, axis=0)
        better[part.rows] = _conjugate_gradients(
            _left_side(near, part.confidences, gram, own),
            right=np.matmul(part.confidences[:, None, :], near)[:, 0],
            start=mine[part.rows],
            n_steps=n_steps,
        )
    return better


def _left_side(
    near: Floats, confidences: Floats, gram: Floats, penalties: Floats
) -> Callable[[Floats], Floats]:
    """Return what multiplies a vector of each row (rows × factors) by the matrix of that row:
    α₀ YᵀY + Σ c y yᵀ + λ I, its y being `near` (rows × longest × factors)."""

    def times(vectors: Floats) -> Floats:
        said = np.matmul(near, vectors[:, :, None])[:, :, 0] * confidences
        product: Floats = np.matmul(said[:, None, :], near)[:, 0]
        product += vectors @ gram
        product += penalties * vectors
        return product

    return times


def _conjugate_gradients(
    times: Callable[[Floats], Floats], *, right: Floats, start: Floats, n_steps: int
) -> Floats:
    """Return what times(x) is nearest to `right` for, after `n_steps` from `start`."""
    x = start
    rest = right - times(x)
    direction = rest.copy()
    size = _squares(rest)
    for _ in range(n_steps):
        moved = times(direction)
        length = size / np.maximum(np.einsum("ij,ij->i", direction, moved), _TINY)
        x = x + length[:, None] * direction
        rest = rest - length[:, None] * moved
        left = _squares(rest)
        direction = rest + (left / np.maximum(size, _TINY))[:, None] * direction
        size = left
    return x


def _squares(vectors: Floats) -> Floats:
    squares: Floats = np.einsum("ij,ij->i", vectors, vectors)
    return squares
