"""What a metric is in each arm, as samples that are compared: winsorised, and with CUPED.

CUPED takes out of each value what the same metric was before the first exposure (Deng et al.,
WSDM 2013): visitors differ less then, and what is left of the difference is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import numpy as np

from personalization.experiments.bandits.policy import FLOOR
from personalization.experiments.exposures import Doubles, Exposed, Flags
from personalization.experiments.models import Metric
from personalization.experiments.outcomes import Values, values_before, values_of
from personalization.experiments.results import LEAST_UNITS
from personalization.experiments.statistics.adjusted_ratios import AdjustedRatio, theta_of_ratios
from personalization.experiments.statistics.samples import (
    Adjusted,
    Mean,
    Proportion,
    Sample,
    theta_of,
    winsorised,
)

#: How long before the first exposure it is looked what somebody was like.
BEFORE: Final = timedelta(days=14)
#: What is divided, and by what, of each unit.
_Pair: TypeAlias = tuple[Doubles, Doubles]
_SHARES: Final = (Metric.Kind.CONVERSION, Metric.Kind.RETURN_VISIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A metric in all arms: `samples` by arm, and what a difference of means is multiplied by to
    be one of all visitors of the arm (for a ratio, by what it is divided by in all).

    `open` is the share of units whose window has not ended; `is_silent`: nothing ever counted.
    """

    metric: Metric
    role: str
    samples: tuple[Sample, ...]
    amounts: tuple[float, ...]
    open: float = 0.0
    is_silent: bool = False


def measured(
    metric: Metric, role: str, exposed: Exposed, *, until: datetime, place: str = ""
) -> Measured:
    """Return a metric of the units in their arms, by what they did until `until`.

    Units of a bandit count by one over the chance that they had of their arm: so each arm is
    that of all visitors, whoever was more likely to come into it, and whenever (the ratio of
    Hájek, 1971).
    """
    profiles, at = exposed.profiles, exposed.at
    values = values_of(metric, profiles=profiles, at=at, until=until, place=place)
    before = values_before(metric, profiles=profiles, at=at, within=BEFORE, place=place)
    if exposed.new_from:
        before = _of_new(before, at >= exposed.new_from)
    late, early = _bounded(metric, values.values), _bounded(metric, before.values)
    samples: tuple[Sample, ...]
    if exposed.moves:
        by = _weights(exposed)
        samples = _ratios(exposed, (late * by, _per(values) * by), (early * by, _per(before) * by))
    elif values.per is not None:
        samples = _ratios(exposed, (late, values.per), (early, _per(before)))
    else:
        samples = _means(metric, exposed, late, early)
    amounts = np.bincount(exposed.arm, weights=_per(values), minlength=len(exposed.arms))
    return Measured(
        metric=metric,
        role=role,
        samples=samples,
        amounts=tuple(amounts.tolist()),
        open=values.open,
        is_silent=_is_silent(values),
    )


def _bounded(metric: Metric, values: Doubles) -> Doubles:
    """Return the values with those that stand out set back: by all arms together."""
    if metric.winsorise is None or metric.kind in _SHARES or not len(values):
        return values
    return winsorised(values, metric.winsorise)


def _of_new(before: Values, are_new: Flags) -> Values:
    """Return what units did before, as far as that can have nothing to do with their arm."""
    per = None if before.per is None else before.per * are_new
    return replace(before, values=before.values * are_new, per=per)


def _per(values: Values) -> Doubles:
    """Return what values are divided by: each unit itself, if it is nothing else."""
    return np.ones(len(values.values)) if values.per is None else values.per


def _weights(exposed: Exposed) -> Doubles:
    """Return one over the chance of each unit, as a part of the mean in its arm."""
    by = 1 / np.maximum(exposed.probability, FLOOR)  # no bandit gives an arm less
    sums = np.bincount(exposed.arm, weights=by, minlength=len(exposed.arms))
    return np.asarray(by * np.array(exposed.counts)[exposed.arm] / sums[exposed.arm])


def _is_silent(values: Values) -> bool:
    return not (values.values.any() or (values.per is not None and values.per.any()))


def _ratios(exposed: Exposed, late: _Pair, early: _Pair) -> tuple[Sample, ...]:
    """Return sums over sums by arm; what they were before is taken out where enough had it."""
    chosen = [exposed.arm == arm for arm in range(len(exposed.arms))]
    arms = [
        AdjustedRatio.of((late[0][at], late[1][at]), (early[0][at], early[1][at]), 0.0)
        for at in chosen
    ]
    enough = all(np.count_nonzero(early[1][at]) >= LEAST_UNITS for at in chosen)
    if theta := theta_of_ratios(arms) if enough else 0.0:
        return tuple(replace(one, theta=theta) for one in arms)
    return tuple(one.after for one in arms)


def _means(metric: Metric, exposed: Exposed, after: Doubles, before: Doubles) -> tuple[Sample, ...]:
    pairs = [
        (after[exposed.arm == arm], before[exposed.arm == arm]) for arm in range(len(exposed.arms))
    ]
    if theta := theta_of(pairs) if np.any(before) else 0.0:
        return tuple(Adjusted.of(late, early, theta) for late, early in pairs)
    plain = Proportion if metric.kind in _SHARES else Mean
    return tuple(plain.of(late) for late, _ in pairs)


# -- strata ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pooled:
    """Units of several strata as one sample: the mean of their means by fixed weights."""

    n: int
    mean: float
    variance: float
    covariance: float
    #: What it was measured as; None where nothing was taken out.
    measured: Pooled | None = None

    @property
    def unadjusted(self) -> Sample:
        return self.measured or self


def pooled(samples: Sequence[Sample], weights: Sequence[float]) -> Pooled:
    """Return strata as one sample, each mean with its weight.

    The difference of two such samples is the stratified one, Σ w (treatment − control), and its
    variance Σ w² (variances of both means). Strata may share units: what one is assigned to in a
    stratum is drawn for that alone, so that the differences of two strata do not hang together.
    """
    whole = sum(weights)
    shares = [weight / whole for weight in weights]
    measures = [one.unadjusted for one in samples]
    return _pooled(samples, shares, measured=_pooled(measures, shares, measured=None))


def _pooled(
    samples: Sequence[Sample], shares: Sequence[float], *, measured: Pooled | None
) -> Pooled:
    pairs = list(zip(samples, shares, strict=True))
    n = sum(one.n for one in samples)
    return Pooled(
        n=n,
        mean=sum(share * one.mean for one, share in pairs),
        variance=n * sum(share * share * one.variance / one.n for one, share in pairs),
        covariance=n * sum(share * share * one.covariance / one.n for one, share in pairs),
        measured=measured,
    )
