"""Logistic regression on logarithms: what a straight line can say, and says understandably.

A number x becomes sign(x)·log(1+|x|), less its mean and over its standard deviation; what is
missing becomes the mean, and a category a column of its own. Fitted by scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, cast

import numpy as np

from personalization.ml.arrays import Doubles, Flags
from personalization.ml.base import Arrays, Config, Options, algorithms
from personalization.ml.examples import Examples
from personalization.ml.predictors.odds import probabilities
from personalization.ml.predictors.tables import TablePredictor
from personalization.ml.predictors.trees import known_categories
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class LogisticConfig(Config):
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "regularization": (1e-6, 1e6),
        "iterations": (1, 10_000),
    }
    #: What a search tries (search.py).
    space: ClassVar[Mapping[str, tuple[float, ...]]] = {"regularization": (0.1, 1.0, 10.0, 100.0)}

    #: Weight of the squares of the coefficients.
    regularization: float = 1.0
    iterations: int = 1000


@algorithms.register("logistic")
class Logistic(TablePredictor[LogisticConfig]):
    config_class = LogisticConfig

    #: Of each feature; 0 and 1 for categories.
    mean: Doubles
    deviation: Doubles
    #: Features × categories, as known_categories returns it.
    known: Flags
    #: Of each number, then of each known category in their order.
    coefficients: Doubles
    intercept: float

    def fit(self, examples: Examples, options: Options) -> Self:
        from sklearn.linear_model import LogisticRegression

        self._learns_of(examples)
        self.known = known_categories(examples.rows, examples.categorical)
        self._learn_scale(examples)
        model = LogisticRegression(
            C=1 / self.config.regularization, max_iter=self.config.iterations
        ).fit(self._expanded(examples.rows), examples.labels)
        options.progress(1.0, "logistic")
        self.coefficients = model.coef_[0].astype(np.float64)
        self.intercept = float(model.intercept_[0])
        return self

    def score(self, rows: Doubles) -> Doubles:
        return probabilities(
            self._expanded(self._fitting(rows)) @ self.coefficients + self.intercept
        )

    def arrays(self) -> Arrays:
        return {
            "mean": self.mean,
            "deviation": self.deviation,
            "known": self.known,
            "coefficients": self.coefficients,
        }

    def facts(self) -> JsonObject:
        return {**super().facts(), "intercept": self.intercept}

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        super().restore(arrays, facts)
        self.mean = arrays["mean"]
        self.deviation = arrays["deviation"]
        self.known = arrays["known"]
        self.coefficients = arrays["coefficients"]
        self.intercept = cast(float, facts["intercept"])

    def _learn_scale(self, examples: Examples) -> None:
        n = len(examples.features)
        self.mean, self.deviation = np.zeros(n), np.ones(n)
        for column in self._numbers:
            values = _logarithms(examples.rows[:, column])
            values = values[~np.isnan(values)]
            if len(values):
                self.mean[column] = values.mean()
                # A constant has none, and stays the 0 that it becomes.
                self.deviation[column] = values.std() or 1.0

    def _expanded(self, rows: Doubles) -> Doubles:
        """Return the columns that the coefficients are of."""
        numbers = self._numbers
        scaled = (_logarithms(rows[:, numbers]) - self.mean[numbers]) / self.deviation[numbers]
        columns = [np.where(np.isnan(scaled), 0.0, scaled)]
        for feature in np.flatnonzero(self.known.any(axis=1)):
            columns.append(rows[:, [feature]] == np.flatnonzero(self.known[feature]))
        return np.concatenate(columns, axis=1)

    @property
    def _numbers(self) -> list[int]:
        return [n for n, name in enumerate(self.features) if name not in self.categories]


def _logarithms(values: Doubles) -> Doubles:
    logarithms: Doubles = np.sign(values) * np.log1p(np.abs(values))
    return logarithms
