"""iALS: factors of visitors and items whose products tell what was done, and how surely.

Hu, Koren and Volinsky (2008), “Collaborative Filtering for Implicit Feedback Datasets”, with
the regularization and the weight of what nobody did of Rendle et al. (2021, arXiv 2110.14037):

    Σ c (1 − x·y)² over what was done + α₀ Σ (x·y)² over all + Σ λ (n + α₀ N) |x|²

Factors of visitors are not kept. A visitor's are solved for from the history when they are
needed, so whoever came a minute ago is served like everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any, ClassVar, Self

import numpy as np

from personalization.ml.arrays import Floats
from personalization.ml.base import (
    Arrays,
    Config,
    InvalidConfig,
    Options,
    Recommender,
    algorithms,
)
from personalization.ml.history import History
from personalization.ml.interactions import Dataset
from personalization.ml.recommenders.als_core import Penalties, batches, solved
from personalization.ml.recommenders.matrix import (
    Matrix,
    Positions,
    check_weights,
    keys,
    shipped_dwell,
    shipped_weights,
    texts,
    weighted_matrix,
)
from personalization.ml.recommenders.spark_als import item_factors
from personalization.types import JsonObject

#: Standard deviation of the first factors, times the root of their number.
_SPREAD = 0.1
#: α₀ over the share of pairs of visitor and item that there are, where nothing is said, and the
#: most it may be. What was published for sets of any size lies around it.
_PER_DENSITY, _SUREST = 10.0, 1.0


@dataclass(frozen=True, kw_only=True)
class IalsConfig(Config):
    factors: int = 64
    iterations: int = 15
    #: λ, times the number of values of a row and `unobserved` times that of columns.
    regularization: float = 0.01
    #: α₀: how sure it is that what nobody did is not liked, beside 1 for what was done once;
    #: 0: the surer, the more of all pairs there are.
    unobserved: float = 0.0
    #: Steps of conjugate gradients for each row and iteration.
    n_steps: int = 3
    #: Kind of event → how sure it makes that the item is liked; others 1.
    weights: Mapping[str, float] = field(default_factory=shipped_weights)
    #: Kind whose amount is time → unit: adds the logarithm of 1 + amount / unit.
    dwell: Mapping[str, float] = field(default_factory=shipped_dwell)
    #: “implicit” is the library of that name (extra `als`); “auto”: where it is installed.
    #: “spark” is Spark's ALS (extra `spark`), for more than one machine holds.
    backend: str = "auto"

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "factors": (1, 1024),
        "iterations": (1, 200),
        "regularization": (1e-6, 100),
        "unobserved": (0, 10),
        "n_steps": (1, 50),
    }
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "backend": ("auto", "own", "implicit", "spark")
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weights("weights", self.weights)
        check_weights("dwell", self.dwell, least=1e-6, most=1e6)


@algorithms.register("ials")
class Ials(Recommender[IalsConfig]):
    config_class = IalsConfig

    #: n items × factors
    _factors: Floats
    #: α₀ YᵀY (factors × factors)
    _gram: Floats
    _positions: Positions
    #: What a history of n items is regularized by: the first, and n times the second.
    _penalty: tuple[float, float]
    #: What is added to each confidence on the right side.
    _lift: float

    def fit(self, dataset: Dataset, options: Options) -> Self:
        matrix = weighted_matrix(
            dataset.interactions, weights=self.config.weights, dwell=self.config.dwell
        )
        unobserved = self._unobserved(matrix)
        fit = self._fit_own
        if self.config.backend == "spark":
            fit = self._fit_spark
        elif self._by_implicit():
            fit = self._fit_implicit
        self._become(matrix.items, fit(matrix, options, unobserved=unobserved))
        self._gram = unobserved * (self._factors.T @ self._factors)
        return self

    def _unobserved(self, matrix: Matrix) -> float:
        density = len(matrix.columns) / (matrix.n_rows * len(matrix.items))
        return self.config.unobserved or min(_PER_DENSITY * density, _SUREST)

    def _by_implicit(self) -> bool:
        if self.config.backend == "own":
            return False
        installed = find_spec("implicit") is not None
        if self.config.backend == "implicit" and not installed:
            raise InvalidConfig(
                "“backend” is 'implicit', which is not installed: the extra “als” has it; "
                "allowed without: auto, own."
            )
        return installed

    def _fit_own(self, matrix: Matrix, options: Options, *, unobserved: float) -> Floats:
        rng = options.rng()
        penalties = Penalties(regularization=self.config.regularization, unobserved=unobserved)
        visitors, items = (
            rng.normal(0, _SPREAD / np.sqrt(self.config.factors), (n, self.config.factors)).astype(
                np.float32
            )
            for n in (matrix.n_rows, len(matrix.items))
        )
        by_visitor, by_item = batches(matrix), batches(matrix.turned())
        better = partial(solved, penalties=penalties, n_steps=self.config.n_steps)
        for n in range(self.config.iterations):
            options.progress(n / self.config.iterations, f"iteration {n + 1}")
            visitors = better(by_visitor, mine=visitors, theirs=items)
            items = better(by_item, mine=items, theirs=visitors)
        base = self.config.regularization * unobserved * len(matrix.items)
        self._penalty = (base, self.config.regularization)
        self._lift = 0.0
        return items

    def _fit_implicit(self, matrix: Matrix, options: Options, *, unobserved: float) -> Floats:
        """Fit the same with the library. It knows one regularization for all, so that of a mean
        visitor and a mean item; and it counts confidences in units of `unobserved`."""
        from implicit.cpu.als import AlternatingLeastSquares
        from scipy.sparse import csr_matrix

        shape = (matrix.n_rows, len(matrix.items))
        lengths = sum(len(matrix.columns) / n + unobserved * m for n, m in (shape, shape[::-1]))
        regularization = self.config.regularization * lengths / 2
        options.progress(0.0, "all iterations")
        model = AlternatingLeastSquares(
            factors=self.config.factors,
            regularization=regularization / unobserved,
            alpha=1.0,
            iterations=self.config.iterations,
            random_state=options.seed,
        )
        confidences = csr_matrix(matrix.sparse())  # the kind that the library knows
        confidences.data = 1 + confidences.data / np.float32(unobserved)
        model.fit(confidences, show_progress=False)
        self._penalty = (regularization, 0.0)
        self._lift = unobserved
        factors: Floats = np.asarray(model.item_factors, np.float32)
        return factors

    def _fit_spark(self, matrix: Matrix, options: Options, *, unobserved: float) -> Floats:
        """Fit the same with Spark, whose regularization knows the values of a row alone; so that
        of a mean visitor and a mean item."""
        if find_spec("pyspark") is None:
            raise InvalidConfig(
                "“backend” is 'spark', which is not installed: the extra “spark” has it; "
                "allowed without: auto, own."
            )
        shape = (matrix.n_rows, len(matrix.items))
        shares = (1 + unobserved * m * n / len(matrix.columns) for n, m in (shape, shape[::-1]))
        regularization = self.config.regularization * sum(shares) / 2
        options.progress(0.0, "all iterations")
        factors = item_factors(
            matrix,
            factors=self.config.factors,
            iterations=self.config.iterations,
            regularization=regularization,
            unobserved=unobserved,
            seed=options.seed,
        )
        self._penalty = (0.0, regularization)
        self._lift = unobserved
        return factors

    def _become(self, items: tuple[str, ...], factors: Floats) -> None:
        self.items = items
        self._factors = factors
        self._positions = Positions(items)

    def score(self, history: History) -> Floats:
        rows, confidences = self._positions.weighted(history, weights=self.config.weights)
        if not len(rows):
            return np.zeros(len(self.items), np.float32)
        scores: Floats = self._factors @ self._visitor(self._factors[rows], confidences)
        return scores

    def _visitor(self, near: Floats, confidences: Floats) -> Floats:
        """Return the factors of whoever did things with items of the factors `near`."""
        left = self._gram + (near.T * confidences) @ near
        base, each = self._penalty
        left[np.diag_indices(len(left))] += base + each * len(near)
        factors: Floats = np.linalg.solve(left, (confidences + self._lift) @ near)
        return factors.astype(np.float32)

    def arrays(self) -> Arrays:
        return {"items": texts(self.items), "factors": self._factors, "gram": self._gram}

    def facts(self) -> JsonObject:
        return {"penalty": list(self._penalty), "lift": self._lift}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        self._become(keys(arrays["items"]), arrays["factors"])
        self._gram = arrays["gram"]
        told: Any = facts
        base, each = told["penalty"]
        self._penalty = (float(base), float(each))
        self._lift = float(told["lift"])
