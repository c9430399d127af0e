"""Which model, and how it is configured: tried on what came later, never on what is shuffled.

Each trial learns of an expanding window and is judged by what follows it. `halving` (Jamieson
& Talwalkar, 2016) tries all on the latest rows of each window first, and only the better third
of them on more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, TypeAlias

import numpy as np

from personalization.ml.arrays import Doubles, Flags
from personalization.ml.base import Options
from personalization.ml.evaluation.folds import Fold
from personalization.ml.evaluation.probabilities import log_loss
from personalization.ml.examples import Examples
from personalization.ml.predictors.cleaned import applied, cleaned
from personalization.ml.predictors.tables import TablePredictor
from personalization.ml.unfit import UnfitData
from personalization.types import JsonObject

Search = Literal["none", "halving", "grid"]
Kind: TypeAlias = type[TablePredictor[Any]]

#: The share of each window that one round of halving learns of, and what of it goes on.
_ROUNDS = (0.25, 0.5)
_KEPT = 3


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One configuration of one kind of model, and how it did."""

    kind: Kind
    config: JsonObject
    #: Logarithmic loss, the mean over folds: what both ranks and is true has little of it.
    loss: float = float("nan")
    #: Of the rows that folds judge, in their order: what was said before it happened.
    scores: Doubles | None = None


def tried(
    kinds: Sequence[Kind],
    examples: Examples,
    folds: Sequence[Fold],
    *,
    how: Search,
    options: Options,
    cleaning: Sequence[JsonObject] = (),
) -> list[Trial]:
    """Return the trials that all folds have judged, the best first; equal ones in their order.
    The steps of `cleaning` learn of what each fold is learned from.

    :raises UnfitData: if no fold has both kinds of rows on both sides.
    """
    usable = [fold for fold in folds if _both(examples, fold.train) and _both(examples, fold.test)]
    if not usable:
        raise UnfitData(
            f"{examples.converters} converters among {len(examples)} rows are too few, or too "
            "close together, to validate by time."
        )
    judge = _Judge(examples=examples, cleaning=cleaning, options=options)
    trials = [Trial(kind=kind, config=config) for kind in kinds for config in _configs(kind, how)]
    if how == "halving":
        for share in _ROUNDS:
            smaller = [Fold(train=_latest(fold.train, share), test=fold.test) for fold in usable]
            trials = judge.better(trials, smaller)
    judged = judge.all(trials, usable)
    return sorted(judged, key=lambda trial: trial.loss)


def judged_rows(examples: Examples, folds: Sequence[Fold]) -> Flags:
    """Return the rows that `Trial.scores` are of."""
    judged = np.zeros(len(examples), bool)
    for fold in folds:
        if _both(examples, fold.train) and _both(examples, fold.test):
            judged |= fold.test
    return judged


def _configs(kind: Kind, how: Search) -> list[JsonObject]:
    """Return what is tried of one kind: as shipped first, then everything in its space."""
    if how == "none":
        return [{}]
    space: Mapping[str, Sequence[float]] = kind.config_class.space  # type: ignore[attr-defined]
    shipped = kind.config_class().written()
    grid = [dict(zip(space, values, strict=True)) for values in product(*space.values())]
    return [{}, *(each for each in grid if shipped | each != shipped)]


@dataclass(frozen=True, kw_only=True)
class _Judge:
    """Judges trials by what they say of later rows."""

    examples: Examples
    cleaning: Sequence[JsonObject]
    options: Options

    def better(self, trials: list[Trial], folds: Sequence[Fold]) -> list[Trial]:
        """Return the better third, that of each kind at least, in their order."""
        judged = self.all(trials, folds)
        kept: list[int] = []
        for kind in dict.fromkeys(trial.kind for trial in trials):
            places = [n for n, trial in enumerate(trials) if trial.kind is kind]
            places.sort(key=lambda n: judged[n].loss)
            kept += places[: max(1, -(-len(places) // _KEPT))]
        return [trials[n] for n in sorted(kept)]

    def all(self, trials: Sequence[Trial], folds: Sequence[Fold]) -> list[Trial]:
        tell = self.options.progress
        judged = []
        for n, trial in enumerate(trials):
            tell(0.9 * n / len(trials), f"trying {trial.kind.algorithm} ({n + 1} of {len(trials)})")
            judged.append(self._judged(trial, folds))
        return judged

    def _judged(self, trial: Trial, folds: Sequence[Fold]) -> Trial:
        examples = self.examples
        scores = np.full(len(examples), np.nan)
        found = []
        for fold in folds:
            model = trial.kind(trial.kind.config_class.read(trial.config))
            known, cleaning = cleaned(examples.where(fold.train), self.cleaning)
            model.fit(known, Options(seed=self.options.seed))
            later = applied(cleaning, examples.rows[fold.test], examples.features)
            scores[fold.test] = model.score(later)
            found.append(log_loss(examples.labels[fold.test], scores[fold.test]))
        return Trial(
            kind=trial.kind,
            config=trial.config,
            loss=float(np.mean(found)),
            scores=scores[judged_rows(examples, folds)],
        )


def _both(examples: Examples, chosen: Flags) -> bool:
    return 0 < int(examples.labels[chosen].sum()) < int(chosen.sum())


def _latest(chosen: Flags, share: float) -> Flags:
    """Return the latest `share` of the chosen rows."""
    rows = np.flatnonzero(chosen)
    latest = np.zeros(len(chosen), bool)
    latest[rows[len(rows) - max(1, round(len(rows) * share)) :]] = True
    return latest
