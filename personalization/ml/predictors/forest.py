"""A random forest (Breiman, 2001): robust where tomorrow is unlike yesterday.

Fitted by scikit-learn, kept and scored as arrays (trees.py). A category is a column of zeros
and ones to it, and again a category to those who score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from personalization.ml.arrays import Doubles
from personalization.ml.base import Arrays, Config, Options, algorithms
from personalization.ml.examples import Examples
from personalization.ml.predictors.tables import TablePredictor
from personalization.ml.predictors.trees import Tree, Trees, known_categories, planted
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class ForestConfig(Config):
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "trees": (1, 1000),
        "leaves": (2, 4096),
        "smallest_leaf": (1, 100_000),
        "features_share": (0.01, 1),
    }
    #: What a search tries (search.py).
    space: ClassVar[Mapping[str, tuple[float, ...]]] = {
        "smallest_leaf": (2, 5, 20),
        "features_share": (0.2, 0.4),
    }

    trees: int = 300
    #: Of each tree at most, which bounds the size of the artefact and the time of a score.
    leaves: int = 256
    #: Rows that a leaf has at least.
    smallest_leaf: int = 2
    #: Of the columns, looked at for each split.
    features_share: float = 0.2


@algorithms.register("forest")
class Forest(TablePredictor[ForestConfig]):
    config_class = ForestConfig

    trees: Trees

    def fit(self, examples: Examples, options: Options) -> Self:
        from sklearn.ensemble import RandomForestClassifier

        self._learns_of(examples)
        columns = _Columns(examples)
        model = RandomForestClassifier(
            n_estimators=self.config.trees,
            max_leaf_nodes=self.config.leaves,
            min_samples_leaf=self.config.smallest_leaf,
            max_features=self.config.features_share,
            random_state=options.seed,
        ).fit(columns.expanded(examples.rows), examples.labels)
        options.progress(1.0, "forest")
        self.trees = planted(
            (columns.tree(tree.tree_) for tree in model.estimators_), known=columns.known
        )
        return self

    def score(self, rows: Doubles) -> Doubles:
        return self.trees.total(_single(self._fitting(rows))) / len(self.trees.roots)

    def arrays(self) -> Arrays:
        return self.trees.arrays()

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        super().restore(arrays, facts)
        self.trees = Trees.of(arrays)


class _Columns:
    """The columns as scikit-learn takes them: numbers, then one for each known category."""

    def __init__(self, examples: Examples) -> None:
        self.known = known_categories(examples.rows, examples.categorical)
        numbers = [n for n in range(len(examples.features)) if n not in examples.categorical]
        pairs = [(n, -1) for n in numbers] + [tuple(pair) for pair in np.argwhere(self.known)]
        #: Column there → column of ours, and → category, -1 for a number.
        self.ours, self.category = np.array(pairs, np.int32).reshape(-1, 2).T

    def expanded(self, rows: Doubles) -> Doubles:
        columns = rows[:, self.ours]
        is_category = self.category >= 0
        columns[:, is_category] = columns[:, is_category] == self.category[is_category]
        return columns

    def tree(self, grown: Any) -> Tree:
        """Return the arrays of a tree that scikit-learn has grown."""
        itself = np.arange(grown.node_count)
        leaf = grown.children_left < 0
        there = np.where(leaf, 0, grown.feature)
        category = np.where(leaf, -1, self.category[there])
        is_categorical = category >= 0
        # To the left is whoever is not of the category: the others, known or not.
        sets = self.known[self.ours[there]] & is_categorical[:, None]
        sets[itself[is_categorical], category[is_categorical]] = False
        return Tree(
            feature=np.where(leaf, 0, self.ours[there]),
            threshold=np.where(leaf | is_categorical, 0.0, grown.threshold),
            left=np.where(leaf, itself, grown.children_left),
            right=np.where(leaf, itself, grown.children_right),
            value=np.where(leaf, grown.value[:, 0, -1], 0.0),
            missing_left=np.where(is_categorical, True, grown.missing_go_to_left),
            categories_left=sets,
            is_categorical=is_categorical,
        )


def _single(rows: Doubles) -> Doubles:
    """Return the rows rounded as scikit-learn's forests round them."""
    with np.errstate(over="ignore"):
        return rows.astype(np.float32).astype(np.float64)
