"""EASE: the linear model in which each item is told by the others, in closed form.

Steck (2019), “Embarrassingly Shallow Autoencoders for Sparse Data”: of all square matrices B
with a diagonal of 0, the one with the least |X − XB|² + λ|B|². With P = (XᵀX + λI)⁻¹ it is
B = −P / diag(P). The inverse comes from a Cholesky factorization.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Floats, Indices
from personalization.ml.base import Arrays, Config, Options, algorithms
from personalization.ml.history import History
from personalization.ml.interactions import Dataset
from personalization.ml.recommenders.by_items import ByItems
from personalization.ml.recommenders.matrix import Matrix, binary_matrix
from personalization.ml.recommenders.neighbours import BLOCK, closeness
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject

#: What is regularized with where nothing is said: this for each item of a mean visitor, and
#: at least so much. Published regularizations are 3 to 5 times that mean.
_PER_ITEM, _LEAST = 5.0, 20.0
#: Centred by itself up to so many items: areas of a site that most visitors come by.
_SMALL = 1_000
#: Computed in double precision up to so many items; above, memory counts.
_EXACT = 6_000


@dataclass(frozen=True, kw_only=True)
class EaseConfig(Config):
    #: λ; 0: by the number of items of a mean visitor.
    regularization: float = 0.0
    #: Whether each item has an intercept, as small catalogues of popular items need.
    centred: str = "auto"
    #: More items are not learned: time grows with their third power, memory with the second.
    max_items: int = 15_000
    #: Of more: refuse, or leave out those that the fewest visitors did something with.
    too_many: str = "refuse"
    #: Up to so many items all weights are kept, else only those of `neighbours`.
    dense_items: int = 4_000
    neighbours: int = 200

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "regularization": (0, 1e6),
        "max_items": (1, 20_000),
        "dense_items": (0, 20_000),
        "neighbours": (1, 5_000),
    }
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "centred": ("auto", "always", "never"),
        "too_many": ("refuse", "most_active"),
    }


@algorithms.register("ease")
class Ease(ByItems[EaseConfig]):
    config_class = EaseConfig

    #: What is added to every score (n items); 0 where nothing is centred.
    _intercept: Floats

    def fit(self, dataset: Dataset, options: Options) -> Self:
        matrix = self._small_enough(binary_matrix(dataset.interactions))
        n_items = len(matrix.items)
        mean = np.zeros(n_items)
        if self._centred(n_items):
            mean = matrix.counts() / matrix.n_rows
        options.progress(0.0, "counting pairs of items")
        pairs = _pairs(matrix, mean)
        pairs[np.diag_indices(n_items)] += self._regularization(matrix)
        options.progress(0.4, "solving for weights")
        inverse = _inverse(pairs)
        options.progress(0.9, "keeping weights")
        kept = n_items if n_items <= self.config.dense_items else self.config.neighbours
        self.become(matrix.items, closeness(_weights(inverse), n_items=n_items, n=kept))
        shares = mean.astype(np.float32)
        self._intercept = shares - self.weights.averaged(shares)
        return self

    def _small_enough(self, matrix: Matrix) -> Matrix:
        most = self.config.max_items
        if len(matrix.items) <= most:
            return matrix
        if self.config.too_many == "refuse":
            raise UnfitData(f"EASE learns up to {most} items here, has {len(matrix.items)}.")
        return matrix.most_active(most)

    def _centred(self, n_items: int) -> bool:
        return self.config.centred == "always" or (
            self.config.centred == "auto" and n_items <= _SMALL
        )

    def _regularization(self, matrix: Matrix) -> float:
        per_visitor = len(matrix.columns) / matrix.n_rows
        return self.config.regularization or max(_LEAST, _PER_ITEM * per_visitor)

    def told(self, rows: Indices, history: History) -> Floats:
        return self.weights.summed(rows) + self._intercept

    def usual(self) -> Floats:
        return self._intercept

    def arrays(self) -> Arrays:
        return {**super().arrays(), "intercept": self._intercept}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        super().restore(arrays, facts)
        self._intercept = arrays["intercept"]


def _pairs(matrix: Matrix, mean: Doubles) -> NDArray[np.floating[Any]]:
    """Return XᵀX, less n visitors × mean × meanᵀ (n items × n items)."""
    exact = np.float64 if len(matrix.items) <= _EXACT else np.float32
    columns = matrix.sparse(exact)
    rows = columns.T.tocsr()
    pairs = np.empty((len(matrix.items),) * 2, exact)
    for start in range(0, len(pairs), BLOCK):
        part = slice(start, start + BLOCK)
        expected = matrix.n_rows * np.outer(mean[part], mean)
        pairs[part] = (rows[part] @ columns).toarray() - expected
    return pairs


def _inverse(pairs: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the inverse of a symmetric matrix, in its place.

    :raises UnfitData: if it has none: the regularization is too small for what there is.
    """
    from scipy.linalg.lapack import get_lapack_funcs

    factorize, invert = get_lapack_funcs(("potrf", "potri"), (pairs,))
    # Transposed, rows are columns as LAPACK wants them, and nothing is copied.
    factor, failed = factorize(pairs.T, lower=1, overwrite_a=1, clean=0)
    if not failed:
        half, failed = invert(factor, lower=1, overwrite_c=1)
    if failed:
        raise UnfitData(
            f"The weights of {len(pairs)} items have no solution; a larger “regularization” does."
        )
    inverse: NDArray[np.floating[Any]] = half.T
    for start in range(0, len(inverse), BLOCK):
        stop = start + BLOCK
        square = inverse[start:stop, start:stop]
        square[:] = np.triu(square) + np.triu(square, 1).T
        inverse[stop:, start:stop] = inverse[start:stop, stop:].T
    return inverse


def _weights(inverse: NDArray[np.floating[Any]]) -> Iterator[Floats]:
    """Yield rows of −P / diag(P), with 0 on the diagonal."""
    diagonal = np.diag(inverse).copy()
    for start in range(0, len(inverse), BLOCK):
        block = -inverse[start : start + BLOCK] / diagonal
        rows = np.arange(len(block))
        block[rows, start + rows] = 0
        yield block.astype(np.float32)
