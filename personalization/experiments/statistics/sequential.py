"""Intervals that are right at all times at once: one may look every day and stop when one likes.

Source: asymptotic confidence sequences (see boundary.py), as GrowthBook's engine uses them.
"""

from __future__ import annotations

import math

from personalization.experiments.statistics.boundary import (
    TUNING,
    always_valid_p,
    always_valid_p_of_one_side,
    reach,
    rho_of,
)
from personalization.experiments.statistics.effects import (
    UNKNOWN,
    Estimate,
    Sided,
    effect_of,
)
from personalization.experiments.statistics.samples import Sample


def always_valid(
    control: Sample,
    treatment: Sample,
    *,
    alpha: float = 0.05,
    relative: bool = False,
    tuning: float = TUNING,
    sided: Sided = "two",
) -> Estimate:
    """Return how much more the treatment is, by an interval that holds at every look at once.

    In 1 − `alpha` of experiments no look ever sees an interval without the truth, once there
    are enough units for a mean to be normal. `tuning` is the number of units, of both arms, at
    which the interval is the narrowest; wherever it is, the interval stays right.
    """
    if (effect := effect_of(control, treatment, relative=relative)) is None:
        return UNKNOWN
    n, one_sided = control.n + treatment.n, sided != "two"
    rho = rho_of(tuning, alpha=alpha, one_sided=one_sided)
    width = reach(n, rho, alpha=alpha, one_sided=one_sided) * effect.error
    score = effect.size / effect.error
    if one_sided:
        p_value = always_valid_p_of_one_side(score if sided == "greater" else -score, n, rho)
    else:
        p_value = always_valid_p(score, n, rho)
    return Estimate(
        effect=effect.size,
        low=-math.inf if sided == "less" else effect.size - width,
        high=math.inf if sided == "greater" else effect.size + width,
        p_value=p_value,
        error=effect.error,
    )
