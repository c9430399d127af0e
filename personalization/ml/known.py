"""Every algorithm that is shipped, registered by being imported here; no scikit-learn comes along."""

from __future__ import annotations

from personalization.ml.base import algorithms
from personalization.ml.clusters import density, hierarchical, kmeans, mixture, pca, personas
from personalization.ml.predictors import best, boosting, forest, logistic
from personalization.ml.recommenders import (
    content,
    ease,
    ials,
    item_knn,
    markov,
    popularity,
    rp3beta,
    stack,
    svd,
    user_knn,
    vstan,
)
from personalization.ml.sequences import next_step, rules

__all__ = [
    "algorithms",
    "best",
    "boosting",
    "content",
    "density",
    "ease",
    "forest",
    "hierarchical",
    "ials",
    "item_knn",
    "kmeans",
    "logistic",
    "markov",
    "mixture",
    "next_step",
    "pca",
    "personas",
    "popularity",
    "rp3beta",
    "rules",
    "stack",
    "svd",
    "user_knn",
    "vstan",
]
