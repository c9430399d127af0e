"""A mixture of normal distributions: groups that are long, or of very different width.

Source: A. Dempster, N. Laird, D. Rubin, Maximum likelihood from incomplete data (1977).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from personalization.ml.arrays import Doubles, Indices
from personalization.ml.base import Arrays, Clusterer, Config, Options, algorithms
from personalization.ml.clusters.rows import known, names_of, usable
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class GmmConfig(Config):
    bounds = {
        "k": (2, 100), "starts": (1, 100), "iterations": (1, 10_000), "least_variance": (1e-9, 1),
    }  # fmt: skip

    #: Number of distributions.
    k: int = 4
    starts: int = 3
    iterations: int = 300
    #: Added to every variance, so that no distribution shrinks to one row.
    least_variance: float = 1e-4


@algorithms.register("gmm")
class Gmm(Clusterer[GmmConfig]):
    """A row is in the distribution it most probably comes of; the most frequent one is 0."""

    config_class = GmmConfig

    def __init__(self, config: GmmConfig | None = None) -> None:
        super().__init__(config)
        self.centres: Doubles = np.empty((0, 0))
        #: Logarithms of their shares, and triangles: inverses of the covariances' square roots.
        self.shares: Doubles = np.empty(0)
        self.triangles: Doubles = np.empty((0, 0, 0))

    def fit(self, rows: Doubles, options: Options) -> Self:
        from sklearn.mixture import GaussianMixture

        config = self.config
        # A distribution needs two rows to have a width.
        rows = usable(rows, features=self.features, least=2 * config.k)
        learner = GaussianMixture(
            config.k,
            n_init=config.starts,
            max_iter=config.iterations,
            reg_covar=config.least_variance,
            random_state=options.seed,
        ).fit(rows)
        order = np.argsort(-learner.weights_, kind="stable")
        self.centres = learner.means_[order]
        self.shares = np.log(learner.weights_[order])
        self.triangles = learner.precisions_cholesky_[order]
        return self

    def score(self, rows: Doubles) -> Indices:
        found = self._likelihoods(rows)
        known = np.isfinite(found).all(axis=1)
        return np.where(known, found.argmax(axis=1), -1).astype(np.int32)

    def probabilities(self, rows: Doubles) -> Doubles:
        """Return how probable each cluster is for each row (n × k); each row adds up to 1."""
        found = self._likelihoods(rows)
        found = np.exp(found - found.max(axis=1, keepdims=True))
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def _likelihoods(self, rows: Doubles) -> Doubles:
        """Return logarithms, without what is the same for all clusters (n × k)."""
        rows = known(rows, features=self.features)
        columns = [
            share
            + np.log(np.diagonal(triangle)).sum()
            - 0.5 * (((rows - centre) @ triangle) ** 2).sum(axis=1)
            for share, centre, triangle in zip(
                self.shares, self.centres, self.triangles, strict=True
            )
        ]
        return np.stack(columns, axis=1)

    def arrays(self) -> Arrays:
        return {"centres": self.centres, "shares": self.shares, "triangles": self.triangles}

    def facts(self) -> JsonObject:
        return {"features": list(self.features)}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        self.centres, self.shares = arrays["centres"], arrays["shares"]
        self.triangles = arrays["triangles"]
        self.features = names_of(facts)
