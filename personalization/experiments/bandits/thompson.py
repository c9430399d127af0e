"""Thompson sampling: an arm is shown as often as it may well be the best one. Pure.

Draws from what is believed of each arm's mean, and the share of draws that an arm wins, as
GrowthBook does it (gbstats 0.8, `BanditsSimple`): its recorded results hold for this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: How often it is drawn.
DRAWS: Final = 10_000
#: Fewer visitors than these in an arm do not move it away from the shares of the start.
LEAST_UNITS: Final = 100


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of the mean of one arm: normal, with this mean and variance."""

    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed before: nothing, while `precision` is 0."""

    mean: float = 0.0
    precision: float = 0.0


def believed(mean: float, variance: float, *, prior: Prior = Prior()) -> Belief:
    """Return what follows from a mean that was found, with the variance of that mean.

    :raises ValueError: for a variance that is not above 0.
    """
    if not variance > 0:
        raise ValueError("A mean that varies by nothing says nothing of how sure it is.")
    precision = prior.precision + 1 / variance
    return Belief((prior.precision * prior.mean + mean / variance) / precision, 1 / precision)


def gaussian(beliefs: Sequence[Belief], *, seed: int, n: int = DRAWS) -> Floats:
    """Return `n` draws of the means of all arms, (n, arms)."""
    rng = np.random.default_rng(seed)
    covariance = np.diag([one.variance for one in beliefs])
    return rng.multivariate_normal([one.mean for one in beliefs], covariance, size=n)


def beta(
    successes: Sequence[float], failures: Sequence[float], *, seed: int, n: int = DRAWS
) -> Floats:
    """Return `n` draws of the rates of all arms, (n, arms), where any rate was as likely before.

    Counts may be fractions, as those of weighed visitors are.
    """
    rng = np.random.default_rng(seed)
    return rng.beta(np.add(successes, 1.0), np.add(failures, 1.0), size=(n, len(successes)))


def share_of_wins(draws: Floats) -> Floats:
    """Return the share of the draws in which each arm is the best; even arms share it."""
    best = draws == draws.max(axis=1, keepdims=True)
    share: Floats = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    return share


def share_of_top_two(draws: Floats) -> Floats:
    """Return half of the share of the draws in which each arm is one of the best two
    (Russo 2016, arXiv 1602.08448). With two arms it learns nothing: they stay equal."""
    order: NDArray[Any] = np.argsort(draws, axis=1)[:, -2:]
    return np.bincount(order.ravel(), minlength=draws.shape[1]) / order.size


@dataclass(frozen=True, slots=True)
class Weighed:
    """What visitors of one arm brought, each weighed by 1 / the chance with which they came in.

    While the shares stay the same that is the plain mean; while they move, days on which
    everybody buys more do not count for the arm that happened to be shown more then
    (Hájek's estimator). `units` is how many visitors there were.
    """

    units: int
    mean: float
    #: Of the mean.
    variance: float

    @property
    def effective(self) -> float:
        """How many visitors with a rate of `mean` would tell as much."""
        spread = self.mean * (1 - self.mean)
        return spread / self.variance if self.variance > 0 and spread > 0 else float(self.units)

    @classmethod
    def of(cls, rewards: Floats, chances: Floats) -> Weighed:
        """:raises ValueError: where there is nobody."""
        if not len(rewards):
            raise ValueError("Nobody has a mean.")
        weights = 1 / chances
        weights = weights / weights.sum()
        mean = float(weights @ rewards)
        n = len(rewards)
        # n / (n - 1) makes it the usual variance of a mean where all chances are the same.
        factor = n / (n - 1) if n > 1 else 1.0
        return cls(n, mean, float((weights**2) @ (rewards - mean) ** 2) * factor)


def chances_of(arms: Sequence[Weighed], *, rates: bool, seed: int) -> Floats | None:
    """Return the chance of each arm, before any floor; None while there are too few visitors,
    or nothing tells the arms apart.

    `rates` says that visitors bring 0 or 1.
    """
    if min((arm.units for arm in arms), default=0) < LEAST_UNITS:
        return None
    if rates:
        won = [arm.mean * arm.effective for arm in arms]
        lost = [(1 - arm.mean) * arm.effective for arm in arms]
        return share_of_wins(beta(won, lost, seed=seed))
    usual = max(arm.variance * arm.units for arm in arms)
    if not usual > 0:
        return None
    # An arm in which all brought the same is as unsure as the others are.
    beliefs = [believed(arm.mean, arm.variance or usual / arm.units) for arm in arms]
    return share_of_wins(gaussian(beliefs, seed=seed))
