"""What to believe of an effect: how likely it is one, and what it costs to be wrong.

Source: a normal prior and a normal likelihood, as in GrowthBook's statistical details
(docs.growthbook.io/statistics/details) and its engine; the chance of a better share by two beta
posteriors, Miller, “Formulas for Bayesian A/B Testing” (evanmiller.org, 2015).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv

from personalization.experiments.statistics.effects import effect_of
from personalization.experiments.statistics.samples import Proportion, Sample


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of a lift beforehand, as a share of the control's mean.

    `proper` False: nothing is.
    """

    mean: float = 0.0
    variance: float = 1.0
    proper: bool = True


#: Nothing is believed beforehand.
FLAT: Final = Prior(proper=False)
#: A lift is rarely above 60 %: what GrowthBook proposes.
SCEPTICAL: Final = Prior(0.0, 0.3 * 0.3)


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of an effect afterwards: its mean, an interval and its deviation.

    `chance_to_win` is that of the treatment being better; `risk` is what is lost in the mean
    by taking it although it is worse, and `risk_of_staying` by not taking it, both in units of
    the effect and never negative. Where nothing can be said, the chance is a half, nothing is
    at risk that is known, and the interval has no end (`known` is False).
    """

    effect: float
    low: float
    high: float
    chance_to_win: float
    risk: float
    risk_of_staying: float
    error: float

    @property
    def known(self) -> bool:
        return math.isfinite(self.error)


UNKNOWN_BELIEF: Final = Belief(0.0, -math.inf, math.inf, 0.5, 0.0, 0.0, math.inf)


def posterior(
    control: Sample,
    treatment: Sample,
    *,
    prior: Prior = FLAT,
    relative: bool = False,
    alpha: float = 0.05,
    less_is_better: bool = False,
) -> Belief:
    """Return what to believe of the effect after what was seen.

    `prior` is of the lift; of a difference it is taken times the size of the control's mean.
    """
    effect = effect_of(control, treatment, relative=relative)
    if effect is None:
        return UNKNOWN_BELIEF
    if prior.proper and not relative:
        base = abs(control.unadjusted.mean)
        if not base:
            return UNKNOWN_BELIEF
        prior = Prior(prior.mean * base, prior.variance * base * base)
    return _belief(
        *_updated(effect.size, effect.error * effect.error, prior),
        alpha=alpha,
        less_is_better=less_is_better,
    )


def _updated(mean: float, variance: float, prior: Prior) -> tuple[float, float]:
    """Return mean and deviation of both together, each by how exact it is."""
    if not prior.proper:
        return mean, math.sqrt(variance)
    weight = variance / (variance + prior.variance)
    return mean + weight * (prior.mean - mean), math.sqrt(prior.variance * weight)


def _belief(mean: float, deviation: float, *, alpha: float, less_is_better: bool) -> Belief:
    normal = NormalDist()
    score = mean / deviation
    more = normal.cdf(score)
    width = normal.inv_cdf(1 - alpha / 2) * deviation
    gain = max(deviation * normal.pdf(score) + mean * more, 0.0)
    loss = max(deviation * normal.pdf(score) - mean * normal.cdf(-score), 0.0)
    if less_is_better:
        more, gain, loss = normal.cdf(-score), loss, gain
    return Belief(
        effect=mean,
        low=mean - width,
        high=mean + width,
        chance_to_win=more,
        risk=loss,
        risk_of_staying=gain,
        error=deviation,
    )


def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points in (0, 1) and their weights, by Gauss and Legendre; closer to each other at
    both ends, where what `beta_chance` integrates bends, so that it is exact to 1e-8."""
    nodes, weights = np.polynomial.legendre.leggauss(256)
    at = (nodes + 1) / 2
    return at * at * (3 - 2 * at), weights * 3 * at * (1 - at)


_POINTS, _WEIGHTS = _quadrature()


def beta_chance(control: Proportion, treatment: Proportion) -> float:
    """Return how likely the treatment's share is the larger one, each believed anything before.

    The mean, over the control's posterior Beta(1 + successes, 1 + failures), of how likely the
    treatment's is above it.
    """
    below = betaincinv(*_beta(control), _POINTS)
    above = 1 - betainc(*_beta(treatment), below)
    return float(above @ _WEIGHTS)


def _beta(sample: Proportion) -> tuple[float, float]:
    return 1 + sample.successes, 1 + sample.n - sample.successes
