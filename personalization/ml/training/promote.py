"""Whether a trained version may serve: judged on the latest slice of the data, which none saw.

All are compared on the very same slice: the new version, the one that serves, and what costs
nothing (popularity for recommenders, the base rate for predictors).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: It may be worse than the one that serves by this share: less is within the noise, and it
#: knows what happened since.
TOLERANCE = 0.02


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
        return Verdict(may_serve=False, remarks=("It was not validated, so it does not serve.",))
    if not trial.n:
        return Verdict(
            may_serve=False,
            remarks=("The latest part of the data has nothing to validate it on.",),
        )
    remarks = tuple(filter(None, (_unusable(trial), _no_gain(trial), _worse(trial))))
    return Verdict(may_serve=not remarks, remarks=remarks)


def _unusable(trial: Trial) -> str:
    if math.isfinite(trial.value):
        return ""
    return f"Its {trial.metric} is {trial.value}, which is no figure to compare."


def _no_gain(trial: Trial) -> str:
    if trial.baseline is None or _gain(trial.value, trial.baseline, trial) > 0:
        return ""
    return (
        f"It is not better than {trial.baseline_name}: {trial.metric} {_shown(trial.value)} "
        f"beside {_shown(trial.baseline)}, in {trial.n:,} cases."
    )


def _worse(trial: Trial) -> str:
    if trial.serving is None:
        return ""
    if _gain(trial.value, trial.serving, trial) >= -TOLERANCE * abs(trial.serving):
        return ""
    return (
        f"It is worse than the version that serves by more than {TOLERANCE:.0%}: "
        f"{trial.metric} {_shown(trial.value)} beside {_shown(trial.serving)}, "
        f"in {trial.n:,} cases."
    )


def _gain(value: float, other: float, trial: Trial) -> float:
    return other - value if trial.lower_is_better else value - other


def _shown(value: float) -> str:
    return f"{value:.4f}"
