"""K-Means: as many groups as wanted, each around its mean; and one that learns on from new rows.

Source of the first: S. Lloyd, Least squares quantization in PCM (1982), begun as in D. Arthur
and S. Vassilvitskii, k-means++ (2007). Of the second: D. Sculley, Web-scale k-means clustering
(2010).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from personalization.ml.arrays import Doubles
from personalization.ml.base import Config, Options, algorithms
from personalization.ml.clusters.centres import ByCentres, means, nearest
from personalization.ml.clusters.rows import usable


@dataclass(frozen=True, kw_only=True)
class KMeansConfig(Config):
    bounds = {"k": (2, 100), "starts": (1, 100), "iterations": (1, 10_000)}

    #: Number of clusters.
    k: int = 4
    #: How often it begins anew; the best is kept.
    starts: int = 10
    iterations: int = 300


@algorithms.register("kmeans")
class KMeans(ByCentres[KMeansConfig]):
    config_class = KMeansConfig

    def fit(self, rows: Doubles, options: Options) -> Self:
        from sklearn.cluster import KMeans as Learner

        config = self.config
        rows = usable(rows, features=self.features, least=config.k)
        learner = Learner(
            config.k, n_init=config.starts, max_iter=config.iterations, random_state=options.seed
        )
        # The means are taken here: how threads add up must not be seen in the last digits.
        self.learn(rows, learner.fit_predict(rows))
        return self


@dataclass(frozen=True, kw_only=True)
class MiniBatchConfig(Config):
    bounds = {"k": (2, 100), "batch": (10, 100_000), "rounds": (1, 1000), "starts": (1, 100)}

    #: Number of clusters.
    k: int = 4
    #: Rows that are looked at together.
    batch: int = 1024
    #: How often all rows are gone through.
    rounds: int = 20
    starts: int = 3


@algorithms.register("minibatch_kmeans")
class MiniBatchKMeans(ByCentres[MiniBatchConfig]):
    """K-Means that looks at few rows at a time: almost as good, faster, and able to go on.

    `updated` gives the model that has seen further rows too. Numbers of clusters stay what
    they are then, so that what is called by them does.
    """

    config_class = MiniBatchConfig

    def fit(self, rows: Doubles, options: Options) -> Self:
        from sklearn.cluster import MiniBatchKMeans as Learner

        config = self.config
        rows = usable(rows, features=self.features, least=config.k)
        learner = Learner(
            config.k,
            batch_size=config.batch,
            max_iter=config.rounds,
            n_init=config.starts,
            random_state=options.seed,
        )
        self.learn(rows, learner.fit_predict(rows))
        return self

    def updated(self, rows: Doubles, *, memory: float = np.inf) -> Self:
        """Return the model that has learned from `rows` too, a batch after the other.

        Each centre moves to the mean of all rows it ever got. With a `memory` it counts as
        the mean of so many at most, and follows what changes the faster the less that is.

        :raises UnfitData: if a feature has holes; one would be the end of a centre.
        """
        model = type(self)(self.config)
        model.features = self.features
        rows = usable(rows, features=self.features, least=0)
        centres, sizes = self.centres.copy(), np.minimum(self.sizes, memory)
        for start in range(0, len(rows), self.config.batch):
            part = rows[start : start + self.config.batch]
            found, n = means(part, nearest(part, centres)[0], k=len(centres))
            total = np.maximum(sizes + n, 1)
            centres += (found - centres) * (n / total)[:, None]
            sizes = np.minimum(total, memory)
        model.centres, model.sizes = centres, sizes
        return model
