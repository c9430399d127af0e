"""Principal components: fewer columns that keep most of what tells rows apart.

Source: H. Hotelling, Analysis of a complex of statistical variables into principal components
(1933); computed from their covariance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from personalization.ml.arrays import Doubles
from personalization.ml.base import Arrays, Config, Model, Options, algorithms
from personalization.ml.clusters.rows import known, names_of, usable
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class PcaConfig(Config):
    bounds = {"n": (1, 100), "share": (0, 1)}

    #: Components, at most.
    n: int = 2
    #: Components that keep so much of the variance suffice; 1: all `n`.
    share: float = 1.0


@algorithms.register("pca")
class Pca(Model[PcaConfig]):
    """A step before clusters, and what pictures are drawn by.

    `components` (n × features) have the length 1 and stand upright on each other; in each the
    largest entry is positive, so that the same rows give the same signs.
    """

    config_class = PcaConfig

    def __init__(self, config: PcaConfig | None = None) -> None:
        super().__init__(config)
        self.features: tuple[str, ...] = ()
        self.middle: Doubles = np.empty(0)
        self.components: Doubles = np.empty((0, 0))
        #: Share of the variance that each component keeps.
        self.kept: Doubles = np.empty(0)

    def fit(self, rows: Doubles, options: Options) -> Self:
        """Learn from `rows` (n × features), which are of one scale.

        :raises UnfitData: if a feature has holes, or all rows are the same, or nearly.
        """
        rows = usable(rows, features=self.features, least=2)
        self.middle = rows.mean(axis=0)
        # By the small matrix: as exact as the picture needs, in memory that rows do not add to.
        variances, vectors = np.linalg.eigh(np.cov(rows.T).reshape(rows.shape[1], -1))
        if not variances.sum() > 0:
            raise UnfitData("Rows differ by so little that no direction can be told.")
        order = np.argsort(-variances, kind="stable")
        kept = np.maximum(variances[order], 0) / variances.sum()
        enough = int(np.searchsorted(np.cumsum(kept), self.config.share - 1e-12)) + 1
        n = min(self.config.n, enough, len(kept))
        components = vectors.T[order][:n]
        largest = np.abs(components).argmax(axis=1)
        signs = np.sign(components[np.arange(n), largest])
        self.components, self.kept = components * signs[:, None], kept[:n]
        return self

    def score(self, rows: Doubles) -> Doubles:
        """Return the rows by their components (n × components), NaN for a row with a hole. Needs
        numpy alone."""
        centred = known(rows, features=self.features) - self.middle
        return np.asarray(centred @ self.components.T)

    def arrays(self) -> Arrays:
        return {"middle": self.middle, "components": self.components, "kept": self.kept}

    def facts(self) -> JsonObject:
        return {"features": list(self.features)}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        self.middle, self.components = arrays["middle"], arrays["components"]
        self.kept = arrays["kept"]
        self.features = names_of(facts)
