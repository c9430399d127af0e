"""iALS: factors of visitors and items whose products tell what was done, and how surely.

Hu, Koren and Volinsky (2008), “Collaborative Filtering for Implicit Feedback Datasets”, with
the regularization and the weight of what nobody did of Rendle et al. (2021, arXiv 2110.14037):

    Σ c (1 − x·y)² over what was done + α₀ Σ (x·y)² over all + Σ λ (n + α₀ N) |x|²

Factors of visitors are not kept. A visitor's are solved for from the history when they are
needed, so whoever came a minute ago is served like everybody else. How likely they come to an
item is then multiplied by what it is worth (worth.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any, ClassVar, Self

import numpy as np

from personalization.ml.arrays import Floats, Indices
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
from personalization.ml.recommenders.fold_in import folded_in, turned
from personalization.ml.recommenders.kept_back import kept_back
from personalization.ml.recommenders.matrix import (
    Matrix,
    check_weights,
    keys,
    shipped_dwell,
    shipped_weights,
    texts,
    weighted_matrix,
)
from personalization.ml.recommenders.positions import Positions, positions_of
from personalization.ml.recommenders.spark_als import item_factors
from personalization.ml.recommenders.worth import worth
from personalization.types import JsonObject

#: Standard deviation of the first factors, times the root of their number.
_SPREAD = 0.1
#: α₀ over the share of pairs of visitor and item that there are, where nothing is said, and the
#: most it may be. What was published for sets of any size lies around it.
_PER_DENSITY, _SUREST = 10.0, 1.0
#: Factors where nothing is said: the more only if they find so much more of what is kept back.
_FACTORS, _MORE_FACTORS, _WORTH = 64, 128, 1.05
#: Values up to which that is tried, as it is two more models to learn; and visitors of whom
#: something must have been kept back, or chance would choose.
_TRIED_UP_TO, _LEAST_ASKED = 200_000, 100


@dataclass(frozen=True, kw_only=True)
class IalsConfig(Config):
    #: 0: 64, or 128 if those find more of a part that is kept back. That is tried on up to
    #: 200,000 pairs of visitor and item, and not by Spark.
    factors: int = 0
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
    #: “spark” is Spark's ALS (extra `spark`), where learning is too much work for one machine.
    backend: str = "auto"

    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "factors": (0, 1024),
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

    #: n items × factors, turned so that α₀ YᵀY is a diagonal matrix.
    _factors: Floats
    #: The values of that (factors).
    _gram: Floats
    #: What scores are multiplied by (n items).
    _worth: Floats
    _positions: Positions
    #: What a history of n items is regularized by: the first, and n times the second.
    _penalty: tuple[float, float]
    #: What is added to each confidence on the right side.
    _lift: float

    def fit(self, dataset: Dataset, options: Options) -> Self:
        matrix = weighted_matrix(
            dataset.interactions, weights=self.config.weights, dwell=self.config.dwell
        )
        factors = self.config.factors or _FACTORS
        if self._undecided(matrix):
            factors = self._by_trial(matrix, options.part(begin=0.0, end=0.5))
            options = options.part(begin=0.5, end=1.0)
        return self._learn(matrix, options, factors=factors)

    def _undecided(self, matrix: Matrix) -> bool:
        few = len(matrix.columns) <= _TRIED_UP_TO
        return few and not self.config.factors and self.config.backend != "spark"

    def _by_trial(self, matrix: Matrix, options: Options) -> int:
        """Return how many factors are worth learning."""
        part = kept_back(matrix, rng=options.rng())
        if len(part.asked) < _LEAST_ASKED:
            return _FACTORS
        fewer, more = (
            part.found(
                type(self)(self.config)._learn(part.learned, inside, factors=factors)._scores
            )
            for factors, inside in (
                (_FACTORS, options.part(begin=0.0, end=0.3)),
                (_MORE_FACTORS, options.part(begin=0.3, end=1.0)),
            )
        )
        return _MORE_FACTORS if more > _WORTH * fewer else _FACTORS

    def _learn(self, matrix: Matrix, options: Options, *, factors: int) -> Self:
        unobserved = self._unobserved(matrix)
        fit = self._fit_own
        if self.config.backend == "spark":
            fit = self._fit_spark
        elif self._by_implicit():
            fit = self._fit_implicit
        found = fit(matrix, options, factors=factors, unobserved=unobserved)
        self._become(matrix.items, found, unobserved * (found.T @ found))
        self._worth = worth(matrix)
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

    def _fit_own(
        self, matrix: Matrix, options: Options, *, factors: int, unobserved: float
    ) -> Floats:
        rng = options.rng()
        penalties = Penalties(regularization=self.config.regularization, unobserved=unobserved)
        visitors, items = (
            rng.normal(0, _SPREAD / np.sqrt(factors), (n, factors)).astype(np.float32)
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

    def _fit_implicit(
        self, matrix: Matrix, options: Options, *, factors: int, unobserved: float
    ) -> Floats:
        """Fit the same with the library. It knows one regularization for all, so that of a mean
        visitor and a mean item; and it counts confidences in units of `unobserved`."""
        from implicit.cpu.als import AlternatingLeastSquares
        from scipy.sparse import csr_matrix

        shape = (matrix.n_rows, len(matrix.items))
        lengths = sum(len(matrix.columns) / n + unobserved * m for n, m in (shape, shape[::-1]))
        regularization = self.config.regularization * lengths / 2
        options.progress(0.0, "all iterations")
        model = AlternatingLeastSquares(
            factors=factors,
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
        return np.asarray(model.item_factors, np.float32)

    def _fit_spark(
        self, matrix: Matrix, options: Options, *, factors: int, unobserved: float
    ) -> Floats:
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
        found = item_factors(
            matrix,
            factors=factors,
            iterations=self.config.iterations,
            regularization=regularization,
            unobserved=unobserved,
            seed=options.seed,
        )
        self._penalty = (0.0, regularization)
        self._lift = unobserved
        return found

    def _become(self, items: tuple[str, ...], factors: Floats, gram: Floats) -> None:
        self._positions = positions_of(items)
        self.items = self._positions.items
        self._factors, self._gram = turned(factors, gram)

    def score(self, history: History) -> Floats:
        rows, confidences = self._positions.weighted(history, weights=self.config.weights)
        if not len(rows):
            return np.zeros(len(self.items), np.float32)
        return self._scores(rows, confidences)

    def _scores(self, rows: Indices, confidences: Floats) -> Floats:
        base, each = self._penalty
        visitor = folded_in(
            self._factors[rows],
            confidences,
            diagonal=self._gram + np.float32(base + each * len(rows)),
            lift=self._lift,
        )
        scores: Floats = self._factors @ visitor
        scores *= self._worth
        return scores

    def arrays(self) -> Arrays:
        return {
            "items": texts(self.items),
            "factors": self._factors,
            "gram": np.diag(self._gram),
            "worth": self._worth,
        }

    def facts(self) -> JsonObject:
        return {"penalty": list(self._penalty), "lift": self._lift}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        self._become(keys(arrays["items"]), arrays["factors"], arrays["gram"])
        # What an earlier version kept has none.
        self._worth = arrays.get("worth", np.ones(len(self.items), np.float32))
        told: Any = facts
        base, each = told["penalty"]
        self._penalty = (float(base), float(each))
        self._lift = float(told["lift"])
