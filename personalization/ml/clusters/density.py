"""Clusters where rows lie close together; who is in no such place is in no cluster (-1).

Sources: M. Ester and others, A density-based algorithm (DBSCAN, 1996); R. Campello and others,
Density-based clustering based on hierarchical density estimates (HDBSCAN, 2013). Both know rows
only, so representatives are kept (no names, no numbers of people) that new rows are compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np

from personalization.ml.arrays import Doubles, Indices
from personalization.ml.base import Arrays, Clusterer, Config, Options, algorithms
from personalization.ml.clusters.centres import largest_first, nearest
from personalization.ml.clusters.rows import known, names_of, some_of, usable
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject

C = TypeVar("C", bound=Config)


class ByRepresentatives(Clusterer[C]):
    """What both share: a row is in the cluster of its nearest representative, if that is no
    farther than the representative reaches."""

    def __init__(self, config: C | None = None) -> None:
        super().__init__(config)
        self.points: Doubles = np.empty((0, 0))
        #: Cluster of each point, and how far it reaches.
        self.numbers: Indices = np.empty(0, np.int32)
        self.reach: Doubles = np.empty(0)

    def score(self, rows: Doubles) -> Indices:
        found, squared = nearest(known(rows, features=self.features), self.points)
        # A little more than it reaches: squares are not exact to the last digit.
        inside = np.sqrt(squared) <= self.reach[found] * (1 + 1e-9) + 1e-12
        return np.where(inside, self.numbers[found], -1).astype(np.int32)

    def arrays(self) -> Arrays:
        return {"points": self.points, "numbers": self.numbers, "reach": self.reach}

    def facts(self) -> JsonObject:
        return {"features": list(self.features)}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        self.points, self.numbers = arrays["points"], arrays["numbers"]
        self.reach = arrays["reach"]
        self.features = names_of(facts)


@dataclass(frozen=True, kw_only=True)
class DbscanConfig(Config):
    bounds = {"eps": (0, 1e6), "neighbours": (2, 1000), "sample": (10, 20_000)}

    #: How near a neighbour is. 0: as near as those of nine rows in ten are.
    eps: float = 0.0
    #: How many rows, itself among them, make a place dense.
    neighbours: int = 10
    #: Rows it learns from at most.
    sample: int = 5000


@algorithms.register("dbscan")
class Dbscan(ByRepresentatives[DbscanConfig]):
    config_class = DbscanConfig

    def fit(self, rows: Doubles, options: Options) -> Self:
        from sklearn.cluster import DBSCAN as Learner

        config = self.config
        rows = usable(rows, features=self.features, least=config.neighbours)
        sample = some_of(rows, n=config.sample, rng=options.rng())
        eps = float(config.eps) or _usual_distance(sample, neighbours=config.neighbours)
        learner = Learner(eps=eps, min_samples=config.neighbours).fit(sample)
        core = learner.core_sample_indices_
        if not len(core):
            raise UnfitData(
                f"No row has {config.neighbours} rows within {eps:g}; a larger “eps” finds some."
            )
        self.points = sample[core]
        self.numbers = largest_first(learner.labels_)[core]
        self.reach = np.full(len(core), eps)
        return self


def _usual_distance(rows: Doubles, *, neighbours: int) -> float:
    """Return the distance within which nine rows in ten have so many, counting themselves."""
    distances = _distances(rows, neighbours=neighbours)
    # Where most rows are the same, any distance above 0 does.
    return float(np.quantile(distances, 0.9)) or float(distances.max()) or 1.0


def _distances(rows: Doubles, *, neighbours: int) -> Doubles:
    """Return how far the last of so many nearest rows is from each (n), itself counted."""
    from sklearn.neighbors import NearestNeighbors

    n = min(neighbours, len(rows))
    distances, _ = NearestNeighbors(n_neighbors=n).fit(rows).kneighbors(rows)
    return np.asarray(distances[:, -1])


@dataclass(frozen=True, kw_only=True)
class HdbscanConfig(Config):
    bounds = {
        "smallest": (2, 100_000), "neighbours": (1, 1000), "sample": (10, 20_000),
        "exemplars": (1, 500),
    }  # fmt: skip

    #: Rows of the smallest cluster.
    smallest: int = 50
    #: How many rows make a place dense.
    neighbours: int = 10
    #: Rows it learns from at most.
    sample: int = 10_000
    #: Representatives of each cluster, at most.
    exemplars: int = 100


@algorithms.register("hdbscan")
class Hdbscan(ByRepresentatives[HdbscanConfig]):
    """Finds places of different density. Representatives are the rows that are deepest inside;
    all of a cluster reach as far as its farthest row is from the nearest of them, and at least
    as far as its loneliest row is from its neighbours."""

    config_class = HdbscanConfig

    def fit(self, rows: Doubles, options: Options) -> Self:
        from sklearn.cluster import HDBSCAN as Learner

        config = self.config
        rows = usable(rows, features=self.features, least=2 * config.smallest)
        rng = options.rng()
        sample = some_of(rows, n=config.sample, rng=rng)
        learner = Learner(
            min_cluster_size=config.smallest, min_samples=config.neighbours, copy=True
        ).fit(sample)
        numbers = largest_first(learner.labels_)
        if numbers.max() < 0:
            raise UnfitData(
                f"No {config.smallest} rows lie close together; a lower “smallest” finds some."
            )
        chosen = np.concatenate([
            self._exemplars(np.flatnonzero(numbers == number).astype(np.int32), learner.probabilities_, rng)
            for number in range(numbers.max() + 1)
        ])  # fmt: skip
        self.points, self.numbers = sample[chosen], numbers[chosen]
        self.reach = self._reaches(sample, numbers)
        return self

    def _exemplars(self, members: Indices, depth: Doubles, rng: np.random.Generator) -> Indices:
        """Return the deepest of `members`; where there are more, some of the deepest half, so
        that they lie all over the cluster."""
        n = self.config.exemplars
        ordered = members[np.argsort(-depth[members], kind="stable")]
        deepest = ordered[: max(n, len(ordered) // 2)]
        if len(deepest) <= n:
            return deepest
        return np.sort(rng.choice(deepest, n, replace=False))

    def _reaches(self, rows: Doubles, numbers: Indices) -> Doubles:
        found, squared = nearest(rows, self.points)
        own = self.numbers[found] == numbers
        reach = np.zeros(int(self.numbers.max()) + 1)
        np.maximum.at(reach, numbers[own], np.sqrt(squared[own]))
        for number in range(len(reach)):
            lonely = _distances(rows[numbers == number], neighbours=self.config.neighbours + 1)
            reach[number] = max(reach[number], lonely.max())
        return reach[self.numbers]
