"""The predictor that did best on what came later, made true where that helps.

Straight lines, boosted trees and a forest are tried by time (search.py). What the best of them
said before it happened tells whether its probabilities are true (calibration.py); then it
learns of all rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypedDict, cast

from personalization.ml.arrays import Doubles
from personalization.ml.base import Arrays, Config, Options, algorithms
from personalization.ml.evaluation.folds import in_time
from personalization.ml.evaluation.probabilities import quality
from personalization.ml.examples import Examples
from personalization.ml.features.clean import Cleaning
from personalization.ml.predictors.boosting import Boosting
from personalization.ml.predictors.calibration import NONE, Calibration, Kind, where_it_helps
from personalization.ml.predictors.cleaned import applied, cleaned
from personalization.ml.predictors.forest import Forest
from personalization.ml.predictors.logistic import Logistic
from personalization.ml.predictors.search import Search, Trial, judged_rows, tried
from personalization.ml.predictors.tables import TablePredictor
from personalization.types import JsonObject

#: In the order in which equally good ones are preferred: the simpler first.
CANDIDATES: Mapping[str, type[TablePredictor[Any]]] = {
    "logistic": Logistic,
    "boosting": Boosting,
    "forest": Forest,
}
_MODEL, _CALIBRATION = "model.", "calibration."


@dataclass(frozen=True, kw_only=True)
class BestConfig(Config):
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {"folds": (1, 10), "first": (0.1, 0.9)}
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "candidates": ("all", *CANDIDATES),
        "search": ("none", "halving", "grid"),
        "calibration": ("where it helps", "never"),
    }

    candidates: str = "all"
    search: str = "none"
    calibration: str = "where it helps"
    #: Parts of the later rows that trials are judged by, one after another.
    folds: int = 3
    #: Share of the rows that are only learned from.
    first: float = 0.4
    #: Steps that numbers are cleaned by first (features/clean.py), with all that they are told.
    cleaning: tuple[JsonObject, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "cleaning", tuple(Cleaning.read(self.cleaning).written()))


class _Told(TypedDict):
    algorithm: str
    config: JsonObject
    facts: JsonObject
    cleaning: JsonObject
    calibration: Kind
    trials: list[dict[str, Any]]
    validation: dict[str, float]


@algorithms.register("best")
class Best(TablePredictor[BestConfig]):
    config_class = BestConfig

    model: TablePredictor[Any]
    #: What rows go through before the model sees them.
    cleaning: Cleaning
    calibration: Calibration
    #: What was tried, the best first: algorithm, config, loss.
    trials: list[dict[str, Any]]
    #: Figures of what the best one said of later rows, before any calibration.
    validation: dict[str, float]

    def fit(self, examples: Examples, options: Options) -> Self:
        self._learns_of(examples)
        folds = in_time(
            examples.at, n=self.config.folds, gap=examples.horizon, first=self.config.first
        )
        how = cast(Search, self.config.search)
        trials = tried(
            self._kinds(), examples, folds,
            how=how, options=options, cleaning=self.config.cleaning,
        )  # fmt: skip
        self._judge(trials, examples.labels[judged_rows(examples, folds)])
        best = trials[0]
        options.progress(0.9, f"learning of all rows by {best.kind.algorithm}")
        self.model = best.kind(best.kind.config_class.read(best.config))
        known, self.cleaning = cleaned(examples, self.config.cleaning)
        self.model.fit(known, Options(seed=options.seed))
        options.progress(1.0, "best")
        return self

    def score(self, rows: Doubles) -> Doubles:
        rows = applied(self.cleaning, self._fitting(rows), self.features)
        return self.calibration(self.model.score(rows))

    def arrays(self) -> Arrays:
        return {
            **self.cleaning.arrays(),
            **{_MODEL + name: array for name, array in self.model.arrays().items()},
            **{_CALIBRATION + name: array for name, array in self.calibration.arrays().items()},
        }

    def facts(self) -> JsonObject:
        return {
            **super().facts(),
            "algorithm": self.model.algorithm,
            "config": self.model.config.written(),
            "facts": self.model.facts(),
            "cleaning": self.cleaning.facts(),
            "calibration": self.calibration.kind,
            "trials": self.trials,
            "validation": self.validation,
        }

    def restore(self, arrays: Arrays, facts: JsonObject) -> None:
        super().restore(arrays, facts)
        told = cast(_Told, facts)
        kind = CANDIDATES[told["algorithm"]]
        self.model = kind(kind.config_class.read(told["config"]))
        self.model.restore(_of(arrays, _MODEL), told["facts"])
        self.cleaning = Cleaning.restored(arrays, told["cleaning"])
        self.calibration = Calibration.of(told["calibration"], _of(arrays, _CALIBRATION))
        self.trials, self.validation = told["trials"], told["validation"]

    def _kinds(self) -> list[type[TablePredictor[Any]]]:
        return [
            kind for name, kind in CANDIDATES.items() if self.config.candidates in ("all", name)
        ]

    def _judge(self, trials: list[Trial], labels: Doubles) -> None:
        """Remember how trials did, and how true what the best one said was."""
        scores = trials[0].scores
        assert scores is not None
        self.trials = [
            {"algorithm": trial.kind.algorithm, "config": dict(trial.config), "loss": trial.loss}
            for trial in trials
        ]
        self.validation = quality(labels, scores).figures()
        helps = self.config.calibration == "where it helps"
        self.calibration = where_it_helps(labels, scores) if helps else NONE


def _of(arrays: Arrays, prefix: str) -> Arrays:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
