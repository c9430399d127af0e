"""The usual tests, right for a single look at a time that was fixed before.

Source: Welch, “The generalization of ‘Student's’ problem when several different population
variances are involved” (Biometrika 1947), with the degrees of freedom of Satterthwaite (1946).
"""

from __future__ import annotations

import math

from scipy.special import stdtr, stdtrit

from personalization.experiments.statistics.effects import (
    UNKNOWN,
    Estimate,
    Sided,
    effect_of,
)
from personalization.experiments.statistics.samples import Sample


def welch(
    control: Sample,
    treatment: Sample,
    *,
    alpha: float = 0.05,
    relative: bool = False,
    sided: Sided = "two",
) -> Estimate:
    """Return how much more the treatment is, with an interval that holds in 1 − `alpha` of cases.

    `relative`: as a share of the control's mean. `sided` is what is looked for: “greater” gives
    an interval without an upper end. What nothing can be said of is `UNKNOWN`.
    """
    if (effect := effect_of(control, treatment, relative=relative)) is None:
        return UNKNOWN
    freedom = degrees_of_freedom(control, treatment)
    width = float(stdtrit(freedom, 1 - (alpha / 2 if sided == "two" else alpha))) * effect.error
    return Estimate(
        effect=effect.size,
        low=-math.inf if sided == "less" else effect.size - width,
        high=math.inf if sided == "greater" else effect.size + width,
        p_value=_p_value(effect.size / effect.error, freedom, sided),
        error=effect.error,
    )


def degrees_of_freedom(control: Sample, treatment: Sample) -> float:
    """Return those of Satterthwaite: between the smaller n − 1 and n₁ + n₂ − 2."""
    a, b = control.variance / control.n, treatment.variance / treatment.n
    share = a / (a + b)
    return 1 / (share * share / (control.n - 1) + (1 - share) * (1 - share) / (treatment.n - 1))


def _p_value(score: float, freedom: float, sided: Sided) -> float:
    if sided == "two":
        return float(2 * stdtr(freedom, -abs(score)))
    return float(stdtr(freedom, -score if sided == "greater" else score))
