"""Hierarchical clusters: the two that are most alike become one, until as many are left as wanted.

Source: J. Ward, Hierarchical grouping to optimize an objective function (1963). Each pair of
rows is looked at, so it learns from a sample; all others are in the cluster with the nearest mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from personalization.ml.arrays import Doubles
from personalization.ml.base import Arrays, Config, Options, algorithms
from personalization.ml.clusters.centres import ByCentres
from personalization.ml.clusters.rows import some_of, usable
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class HierarchicalConfig(Config):
    bounds = {"k": (2, 100), "sample": (10, 5000), "branches": (2, 200)}

    #: Number of clusters.
    k: int = 4
    #: Rows it learns from at most; memory grows with the square.
    sample: int = 3000
    #: Branches that the tree is kept with.
    branches: int = 40


@algorithms.register("hierarchical")
class Hierarchical(ByCentres[HierarchicalConfig]):
    """Ward's clusters. `merges` (branches - 1 × 4) are the last steps: which two of the
    branches, or of earlier steps, became one (numbered on after the branches), at which
    distance, and how many rows they hold. `branches` are the rows of each branch."""

    config_class = HierarchicalConfig

    def __init__(self, config: HierarchicalConfig | None = None) -> None:
        super().__init__(config)
        self.merges: Doubles = np.empty((0, 4))
        self.branches: Doubles = np.empty(0)

    def fit(self, rows: Doubles, options: Options) -> Self:
        from scipy.cluster.hierarchy import fcluster, ward

        rows = usable(rows, features=self.features, least=self.config.k)
        sample = some_of(rows, n=self.config.sample, rng=options.rng())
        linkage = ward(sample)
        found = fcluster(linkage, self.config.k, criterion="maxclust").astype(np.int32)
        self.learn(sample, found)
        self.merges, self.branches = top_of(linkage, branches=self.config.branches)
        return self

    def arrays(self) -> Arrays:
        return {**super().arrays(), "merges": self.merges, "branches": self.branches}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        super().restore(arrays, facts)
        self.merges, self.branches = arrays["merges"], arrays["branches"]


def top_of(linkage: Any, *, branches: int) -> tuple[Doubles, Doubles]:
    """Return the last steps of `linkage` (as scipy has it) that start from so many branches,
    and the number of rows in each branch; branches are numbered by the order of first use."""
    n = len(linkage) + 1
    kept = linkage[-(min(branches, n) - 1) :]
    first = 2 * n - 1 - len(kept)
    numbers: dict[int, int] = {}
    sizes: list[float] = []
    for one in kept[:, :2].astype(int).ravel().tolist():
        if one < first:
            numbers[one] = len(sizes)
            sizes.append(1.0 if one < n else float(linkage[one - n, 3]))
    merges = kept.astype(np.float64)
    for place, one in np.ndenumerate(kept[:, :2].astype(int)):
        merges[place] = numbers[int(one)] if one < first else one - first + len(sizes)
    return merges, np.array(sizes)
