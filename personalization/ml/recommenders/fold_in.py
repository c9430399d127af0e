"""Factors of a visitor from those of the items of a history, while a page waits for them."""

from __future__ import annotations

import numpy as np

from personalization.ml.arrays import Floats


def turned(factors: Floats, gram: Floats) -> tuple[Floats, Floats]:
    """Return factors (items × factors) with the same products that are turned so that `gram`,
    which is theirs, has values on its diagonal alone; and these.

    What is turned already is returned as it is, so that it does not change each time it is kept.
    """
    values = np.diagonal(gram)
    if not np.array_equal(gram, np.diag(values)):
        values, vectors = np.linalg.eigh(gram.astype(np.float64))
        factors = (factors @ vectors).astype(np.float32)
    return factors, np.maximum(values, 0).astype(np.float32)


def folded_in(near: Floats, confidences: Floats, *, diagonal: Floats, lift: float) -> Floats:
    """Return the factors x of whoever did things with items of the factors `near` (n × factors),
    Y, for a diagonal D of what does not hang on the history and b = `confidences` + `lift`:

        (D + YᵀCY) x = Yᵀb  ⇔  x = D⁻¹Yᵀ (I + CYD⁻¹Yᵀ)⁻¹ b

    The smaller of two systems is solved: of as many unknowns as there are factors, or items
    (Woodbury, *Inverting Modified Matrices*, 1950).
    """
    right = confidences + np.float32(lift)
    if len(near) < len(diagonal):
        apart = near / diagonal
        left = (near * confidences[:, None]) @ apart.T
        left.flat[:: len(left) + 1] += 1
        few: Floats = np.linalg.solve(left, right) @ apart
        return few
    left = (near.T * confidences) @ near
    left.flat[:: len(left) + 1] += diagonal
    factors: Floats = np.linalg.solve(left, right @ near)
    return factors
