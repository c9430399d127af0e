"""How much more one arm is than another, and how far that is off by chance: for every test.

Source of the variance of a lift: the delta method, as in GrowthBook's statistical details
(docs.growthbook.io/statistics/details, eq. 11–12); with CUPED the lift is a share of what was
measured, not of what is left after the adjustment, and the two vary together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from personalization.experiments.statistics.samples import Sample

#: Of which side an effect is looked for: more, less, or either.
Sided: TypeAlias = Literal["two", "greater", "less"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What the treatment is more than the control, and its standard error (above 0)."""

    size: float
    error: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """An effect with its interval and p. `error` is the standard error.

    Where nothing can be said, the interval has no end, `p_value` is 1 and `error` infinite
    (`known` is False); `effect` is then 0. An interval of one side has an end on one side.
    """

    effect: float
    low: float
    high: float
    p_value: float
    error: float

    @property
    def known(self) -> bool:
        return math.isfinite(self.error)


UNKNOWN = Estimate(0.0, -math.inf, math.inf, 1.0, math.inf)


def effect_of(control: Sample, treatment: Sample, *, relative: bool = False) -> Effect | None:
    """Return the difference of means, or that as a share of the control's mean.

    None where nothing can be said: an arm has fewer than two units, no unit differs from
    another in either arm, or a share is asked of a mean that is 0. A share of a mean below 0
    is one of its size, so that more is always above 0.
    """
    if min(control.n, treatment.n) < 2:
        return None
    size = treatment.mean - control.mean
    varied = treatment.variance / treatment.n
    if not relative:
        return _finite(size, varied + control.variance / control.n)
    measured = control.unadjusted
    if not (base := abs(measured.mean)):
        return None
    share = size / measured.mean
    off = control.variance + 2 * share * control.covariance + share * share * measured.variance
    effect = _finite(size, varied + off / control.n)
    return effect and _finite(effect.size / base, effect.error / base * (effect.error / base))


def _finite(size: float, variance: float) -> Effect | None:
    if not math.isfinite(size) or not 0 < variance < math.inf:
        return None
    return Effect(size, math.sqrt(variance))
