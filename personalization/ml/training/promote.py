"""Whether a trained version may serve: judged on the latest slice of the data, which none saw.

All are compared on the very same slice: the new version, the one that serves, and what costs
nothing (popularity for recommenders, the base rate for predictors).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personalization.ml.training.figure_names import name_of
from personalization.ml.training.figures import judged_by

#: It may be worse than the one that serves by this share: less is within the noise, and it
#: knows what happened since.
TOLERANCE = 0.02
_SERVING, _CASES = "serving", "cases"
_UNTRIED = "It was not validated, so it does not serve."
#: What baselines are called in a sentence, where that is something else.
_BASELINES: Mapping[str, str] = {"base rate": "the base rate", "stable": "what counts as stable"}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How a model did on the latest slice, and others on the same one."""

    #: Name of the figure, such as “ndcg_20”.
    metric: str
    value: float
    #: What costs nothing; None where there is no such thing, as for clusters.
    baseline: float | None = None
    baseline_name: str = "popularity"
    #: The version that serves; None if none does, or it could not be compared.
    serving: float | None = None
    lower_is_better: bool = False
    #: Cases that were judged.
    n: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a version may serve, and why not, in sentences."""

    may_serve: bool
    remarks: tuple[str, ...] = ()


def judged(trial: Trial | None) -> Verdict:
    """Return whether what did so may serve without somebody's word."""
    if trial is None:
        return Verdict(may_serve=False, remarks=(_UNTRIED,))
    if not trial.n:
        return Verdict(
            may_serve=False,
            remarks=("The latest part of the data has nothing to validate it on.",),
        )
    remarks = tuple(filter(None, (_unusable(trial), _no_gain(trial), _worse(trial))))
    return Verdict(may_serve=not remarks, remarks=remarks)


def refusal(*, metrics: Mapping[str, float], remarks: Sequence[str]) -> tuple[str, ...]:
    """Return why a version that is kept does not serve by itself, in sentences, by its figures;
    empty if it is good enough, and waits for somebody's word."""
    figure = judged_by(metrics)
    if _UNTRIED in remarks:  # whatever else is told of it; why stands before
        return tuple(remarks[-2:])
    if figure is None:
        return tuple(remarks[-1:]) or (_UNTRIED,)
    baselines = [(who, value) for who, value in figure.beside.items() if who != _SERVING]
    name, baseline = baselines[0] if baselines else ("", None)
    assert figure.value is not None
    return judged(
        Trial(
            metric=figure.name,
            value=figure.value,
            baseline=baseline,
            baseline_name=name,
            serving=figure.beside.get(_SERVING),
            n=int(metrics.get(_CASES, 1)),
        )
    ).remarks


def _unusable(trial: Trial) -> str:
    if math.isfinite(trial.value):
        return ""
    return f"Its {name_of(trial.metric)} is {trial.value}, which is no figure to compare."


def _no_gain(trial: Trial) -> str:
    if trial.baseline is None or _gain(trial.value, trial.baseline, trial) > 0:
        return ""
    return (
        f"It is not better than {_BASELINES.get(trial.baseline_name, trial.baseline_name)}: "
        f"{name_of(trial.metric)} {_shown(trial.value)} "
        f"beside {_shown(trial.baseline)}, in {trial.n:,} cases."
    )


def _worse(trial: Trial) -> str:
    if trial.serving is None:
        return ""
    if _gain(trial.value, trial.serving, trial) >= -TOLERANCE * abs(trial.serving):
        return ""
    return (
        f"It is worse than the version that serves by more than {TOLERANCE:.0%}: "
        f"{name_of(trial.metric)} {_shown(trial.value)} beside {_shown(trial.serving)}, "
        f"in {trial.n:,} cases."
    )


def _gain(value: float, other: float, trial: Trial) -> float:
    return other - value if trial.lower_is_better else value - other


def _shown(value: float) -> str:
    return f"{value:.4f}"
