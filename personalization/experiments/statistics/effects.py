"""How much more one arm is than another, and how far that is off by chance: for every test.

Source of the variance of a lift: the delta method, as in GrowthBook's statistical details
(docs.growthbook.io/statistics/details, eq. 11–12); with CUPED the lift is a share of what was
measured, not of what is left after the adjustment, and the two vary together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from personalization.experiments.statistics.adjusted_ratios import AdjustedRatio
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


#: Nothing can be said.
UNKNOWN: Final = Estimate(0.0, -math.inf, math.inf, 1.0, math.inf)


def effect_of(control: Sample, treatment: Sample, *, relative: bool = False) -> Effect | None:
    """Return the difference of means, or that as a share of the control's mean.

    None where nothing can be said: an arm has fewer than two units, or none that differs from
    another (who saw nobody buy does not know how rarely that happens), or a share is asked of a
    mean that is 0. A share of a mean below 0 is one of its size, so that more is always above 0.
    """
    if min(control.n, treatment.n) < 2 or not min(control.variance, treatment.variance) > 0:
        return None
    size = treatment.mean - control.mean
    varied = treatment.variance / treatment.n
    if not relative:
        return _finite(size, varied + control.variance / control.n)
    measured = control.unadjusted
    if not (base := abs(measured.mean)):
        return None
    share = _slope(control, treatment) / measured.mean
    off = control.variance + 2 * share * control.covariance + share * share * measured.variance
    return _finite(size / base, (varied + off / control.n) / base / base)


def _slope(control: Sample, treatment: Sample) -> float:
    """Return the difference as the delta method takes it: how a lift moves with the control.

    Of means that were adjusted it is the one that was measured, since before the experiment
    arms are alike but for chance; of ratios the adjusted one. Many units make them the same.
    """
    if isinstance(control, AdjustedRatio):
        return treatment.mean - control.mean
    return treatment.unadjusted.mean - control.unadjusted.mean


def _finite(size: float, variance: float) -> Effect | None:
    if not math.isfinite(size) or not 0 < variance < math.inf:
        return None
    return Effect(size, math.sqrt(variance))
