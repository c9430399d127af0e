"""PureSVD: the few directions along which visitors differ most.

Cremonesi, Koren and Turrin (2010), “Performance of Recommender Algorithms on Top-N
Recommendation Tasks”, §3.3: scores are a history's row times V Vᵀ, V being the leading right
singular vectors. These come from the randomized method of Halko, Martinsson and Tropp (2011),
algorithm 4.4, so that no step needs more than products with the sparse matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Floats
from personalization.ml.base import Arrays, Config, Options, Recommender, algorithms
from personalization.ml.history import History
from personalization.ml.interactions import Dataset
from personalization.ml.recommenders.matrix import binary_matrix, keys, texts
from personalization.ml.recommenders.positions import Positions, positions_of
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject

#: Directions that are followed beside those wanted, so that these come out well.
_BESIDE = 10


@dataclass(frozen=True, kw_only=True)
class SvdConfig(Config):
    factors: int = 32
    #: Each makes the directions more exact, where many matter about as much.
    power_iterations: int = 4

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "factors": (1, 1024),
        "power_iterations": (0, 50),
    }


@algorithms.register("svd")
class Svd(Recommender[SvdConfig]):
    config_class = SvdConfig

    #: n items × factors, of length 1 and at right angles.
    _factors: Floats
    _positions: Positions

    def fit(self, dataset: Dataset, options: Options) -> Self:
        matrix = binary_matrix(dataset.interactions)
        if min(matrix.n_rows, len(matrix.items)) < 2:
            raise UnfitData(
                f"SVD needs 2 visitors and 2 items, has {matrix.n_rows} and {len(matrix.items)}."
            )
        options.progress(0.0, "finding directions")
        found = right_singular_vectors(
            matrix.sparse(np.float64),
            n=self.config.factors,
            power_iterations=self.config.power_iterations,
            rng=options.rng(),
        )
        self._become(matrix.items, found.astype(np.float32))
        return self

    def _become(self, items: tuple[str, ...], factors: Floats) -> None:
        self.items = items
        self._factors = factors
        self._positions = positions_of(items)

    def score(self, history: History) -> Floats:
        visitor = self._factors[self._positions.of(history)].sum(axis=0)
        scores: Floats = self._factors @ visitor
        return scores

    def arrays(self) -> Arrays:
        return {"items": texts(self.items), "factors": self._factors}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        self._become(keys(arrays["items"]), arrays["factors"])


def right_singular_vectors(
    matrix: Any, *, n: int, power_iterations: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the (up to) `n` leading ones of a sparse matrix, as columns, their signs such
    that the largest entry of each is above 0."""
    n = min(n, *matrix.shape)
    followed = min(n + _BESIDE, *matrix.shape)
    span = matrix.T @ rng.normal(size=(matrix.shape[0], followed))
    span, _ = np.linalg.qr(span)
    for _ in range(power_iterations):
        rows, _ = np.linalg.qr(matrix @ span)
        span, _ = np.linalg.qr(matrix.T @ rows)
    _, _, turned = np.linalg.svd(matrix @ span, full_matrices=False)
    vectors = span @ turned[:n].T
    largest = np.abs(vectors).argmax(axis=0)
    directed: NDArray[np.float64] = vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return directed
