"""Every algorithm that is shipped, registered by being imported here; no scikit-learn comes along."""

from __future__ import annotations

from personalization.ml.base import algorithms
from personalization.ml.clusters import density, hierarchical, kmeans, mixture, pca
from personalization.ml.recommenders import ease

__all__ = ["algorithms", "density", "ease", "hierarchical", "kmeans", "mixture", "pca"]
