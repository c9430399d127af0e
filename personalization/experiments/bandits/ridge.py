"""What each arm is worth to whom: one ridge regression for each arm. Pure.

The regression of LinUCB with disjoint models (Li et al. 2010, arXiv 1003.0146, algorithm 1):
A = λI + XᵀX, θ = A⁻¹Xᵀr; the results of MABWiser's tests hold for this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: λ: as much as one visitor who brought nothing would count, in each direction.
PENALTY: Final = 1.0


@dataclass(frozen=True)
class Ridge:
    """θ, of shape (d,), with L⁻¹ of shape (d, d), the lower triangle, where L Lᵀ = A."""

    theta: Floats
    root: Floats

    @classmethod
    def of(cls, vectors: Floats, rewards: Floats, *, penalty: float = PENALTY) -> Ridge:
        """Return what (n, d) vectors with n rewards tell; n may be 0."""
        d = vectors.shape[1]
        matrix = penalty * np.eye(d) + vectors.T @ vectors
        root = np.tril(np.linalg.inv(np.linalg.cholesky(matrix)))
        theta = root.T @ (root @ (vectors.T @ rewards))
        return cls(theta, root)

    def values(self, vectors: Floats) -> Floats:
        """Return θ'x of each of (n, d) vectors."""
        found: Floats = vectors @ self.theta
        return found

    def doubts(self, vectors: Floats) -> Floats:
        """Return √(x'A⁻¹x) of each of (n, d) vectors."""
        found: Floats = np.linalg.norm(vectors @ self.root.T, axis=1)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return it as `bandits.policy.Model` reads it."""
        rows = [row[: at + 1].tolist() for at, row in enumerate(self.root)]
        return {"weights": self.theta.tolist(), "root": rows}
