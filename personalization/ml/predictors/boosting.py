"""Gradient boosting over histograms (Friedman, 2001; Ke et al., 2017), with native categories.

Fitted by scikit-learn, kept and scored as arrays (trees.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Flags
from personalization.ml.base import Arrays, Config, Options, algorithms
from personalization.ml.examples import Examples
from personalization.ml.predictors.odds import probabilities
from personalization.ml.predictors.tables import TablePredictor
from personalization.ml.predictors.trees import Tree, Trees, known_categories, planted
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class BoostingConfig(Config):
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "learning_rate": (0.001, 1),
        "iterations": (1, 1000),
        "leaves": (2, 255),
        "smallest_leaf": (1, 100_000),
        "regularization": (0, 1e6),
    }
    #: What a search tries (search.py).
    space: ClassVar[Mapping[str, tuple[float, ...]]] = {
        "learning_rate": (0.03, 0.05, 0.1),
        "leaves": (7, 15, 31),
        "smallest_leaf": (20, 50),
    }

    learning_rate: float = 0.05
    iterations: int = 150
    leaves: int = 15
    #: Rows that a leaf has at least.
    smallest_leaf: int = 20
    #: Weight of the squares of the leaves' values.
    regularization: float = 0.0


@algorithms.register("boosting")
class Boosting(TablePredictor[BoostingConfig]):
    config_class = BoostingConfig

    trees: Trees
    #: What a row starts from: the log-odds of all rows.
    baseline: float

    def fit(self, examples: Examples, options: Options) -> Self:
        from sklearn.ensemble import HistGradientBoostingClassifier

        self._learns_of(examples)
        columns = _Columns(examples)
        model = HistGradientBoostingClassifier(
            learning_rate=self.config.learning_rate,
            max_iter=self.config.iterations,
            max_leaf_nodes=self.config.leaves,
            min_samples_leaf=self.config.smallest_leaf,
            l2_regularization=self.config.regularization,
            categorical_features=columns.is_categorical if columns.categorical else None,
            early_stopping=False,
            random_state=options.seed,
        ).fit(columns.rows, examples.labels)
        options.progress(1.0, "boosting")
        self.baseline = float(model._baseline_prediction[0, 0])
        self.trees = planted(
            (columns.tree(predictor) for (predictor,) in model._predictors), known=columns.known
        )
        return self

    def score(self, rows: Doubles) -> Doubles:
        return probabilities(self.trees.total(self._fitting(rows), start=self.baseline))

    def arrays(self) -> Arrays:
        return self.trees.arrays()

    def facts(self) -> JsonObject:
        return {**super().facts(), "baseline": self.baseline}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        super().restore(arrays, facts)
        self.trees = Trees.of(arrays)
        self.baseline = cast(float, facts["baseline"])


class _Columns:
    """The columns as scikit-learn takes them: first those of categories, numbered without gaps,
    as it would order and number them itself."""

    def __init__(self, examples: Examples) -> None:
        self.known = known_categories(examples.rows, examples.categorical)
        self.categorical = list(examples.categorical)
        others = [n for n in range(len(examples.features)) if n not in self.categorical]
        #: Column there → column of ours.
        self.order = np.array([*self.categorical, *others])
        self.rows = examples.rows[:, self.order]
        for place, column in enumerate(self.categorical):
            self.rows[:, place] = self._dense(column, examples.rows[:, column])
        # A column that is missing everywhere is one of zeros: it splits nothing, and has bins.
        self.rows[:, np.isnan(self.rows).all(axis=0)] = 0.0

    @property
    def is_categorical(self) -> Flags:
        return np.arange(len(self.order)) < len(self.categorical)

    def tree(self, predictor: Any) -> Tree:
        """Return the arrays of a tree that scikit-learn has grown."""
        nodes = predictor.nodes
        itself = np.arange(len(nodes))
        leaf = nodes["is_leaf"].astype(bool)
        is_categorical = nodes["is_categorical"].astype(bool) & ~leaf
        feature = np.where(leaf, 0, self.order[np.where(leaf, 0, nodes["feature_idx"])])
        return Tree(
            feature=feature,
            threshold=np.where(leaf | is_categorical, 0.0, nodes["num_threshold"]),
            left=np.where(leaf, itself, nodes["left"]),
            right=np.where(leaf, itself, nodes["right"]),
            value=np.where(leaf, nodes["value"], 0.0),
            missing_left=nodes["missing_go_to_left"],
            categories_left=self._sets(nodes, is_categorical, feature, predictor),
            is_categorical=is_categorical,
        )

    def _dense(self, column: int, values: Doubles) -> Doubles:
        """Return our numbers of categories as those without gaps."""
        number = np.cumsum(self.known[column]) - 1
        missing = np.isnan(values)
        dense: Doubles = np.where(missing, np.nan, number[np.where(missing, 0, values).astype(int)])
        return dense

    def _sets(
        self, nodes: Any, is_categorical: Flags, feature: NDArray[Any], predictor: Any
    ) -> Flags:
        sets = np.zeros((len(nodes), self.known.shape[1]), bool)
        for node in np.flatnonzero(is_categorical):
            bits = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]
            chosen = np.unpackbits(bits.astype("<u4").view(np.uint8), bitorder="little")
            ours = np.flatnonzero(self.known[feature[node]])
            sets[node, ours] = chosen[: len(ours)]
        return sets
