"""What a metric is in each arm, as samples that are compared: winsorised, and with CUPED.

CUPED takes out of each value what the same metric was before the first exposure (Deng et al.,
WSDM 2013): visitors differ less then, and what is left of the difference is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from personalization.experiments.exposures import Doubles, Exposed
from personalization.experiments.models import Metric
from personalization.experiments.outcomes import Values, values_before, values_of
from personalization.experiments.statistics.samples import (
    Adjusted,
    Mean,
    Proportion,
    Ratio,
    Sample,
    theta_of,
    winsorised,
)

#: How long before the first exposure it is looked what somebody was like.
BEFORE: Final = timedelta(days=14)
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
    """Return a metric of the units in their arms, by what they did until `until`."""
    values = values_of(metric, profiles=exposed.profiles, at=exposed.at, until=until, place=place)
    after = _bounded(metric, values.values)
    if values.per is not None:
        samples = _ratios(exposed, after, values.per)
    else:
        before = values_before(
            metric, profiles=exposed.profiles, at=exposed.at, within=BEFORE, place=place
        )
        samples = _means(metric, exposed, after, _bounded(metric, before.values))
    return Measured(
        metric=metric,
        role=role,
        samples=samples,
        amounts=tuple(one.per_total if isinstance(one, Ratio) else float(one.n) for one in samples),
        open=values.open,
        is_silent=_is_silent(values),
    )


def _bounded(metric: Metric, values: Doubles) -> Doubles:
    """Return the values with those that stand out set back: by all arms together."""
    if metric.winsorise is None or metric.kind in _SHARES or not len(values):
        return values
    return winsorised(values, metric.winsorise)


def _is_silent(values: Values) -> bool:
    return not (values.values.any() or (values.per is not None and values.per.any()))


def _ratios(exposed: Exposed, above: Doubles, below: Doubles) -> tuple[Sample, ...]:
    return tuple(
        Ratio.of(above[exposed.arm == arm], below[exposed.arm == arm])
        for arm in range(len(exposed.arms))
    )


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
