"""Ratios less what they were before the experiment: CUPED and the delta method together.

Source: Deng et al., “Improving the Sensitivity of Online Controlled Experiments by Utilizing
Pre-Experiment Data” (WSDM 2013) appendix B; the theta of several arms is the one of GrowthBook's
engine, the sum of their covariances over that of their variances before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from numpy.typing import ArrayLike

from personalization.experiments.statistics.samples import (
    Doubles,
    Ratio,
    as_doubles,
    covariance_of,
    difference_of,
)


@dataclass(frozen=True, slots=True)
class Products:
    """Sums over units of a value after times one before: `above_below` is that of what is
    divided after with what it is divided by before."""

    above_above: float
    above_below: float
    below_above: float
    below_below: float

    @classmethod
    def of(cls, after: tuple[Doubles, Doubles], before: tuple[Doubles, Doubles]) -> Products:
        return cls(*(float(late @ early) for late in after for early in before))


@dataclass(frozen=True, slots=True)
class AdjustedRatio:
    """A ratio of units less `theta` times what it was before."""

    after: Ratio
    before: Ratio
    products: Products
    theta: float

    @classmethod
    def of(
        cls,
        after: tuple[ArrayLike, ArrayLike],
        before: tuple[ArrayLike, ArrayLike],
        theta: float,
    ) -> AdjustedRatio:
        """Return the sample of units, each pair being what is divided and by what."""
        late = as_doubles(after[0]), as_doubles(after[1])
        early = as_doubles(before[0]), as_doubles(before[1])
        return cls(Ratio.of(*late), Ratio.of(*early), Products.of(late, early), theta)

    @property
    def n(self) -> int:
        return self.after.n

    @property
    def mean(self) -> float:
        return self.after.mean - self.theta * self.before.mean

    @property
    def shared(self) -> float:
        """Return the covariance of a unit's part in the ratio before and after."""
        after, before, products = self.after, self.before, self.products
        per = after.below.mean * before.below.mean
        if not per:
            return 0.0
        kinds = (
            (1.0, after.above, before.above, products.above_above),
            (-before.mean, after.above, before.below, products.above_below),
            (-after.mean, after.below, before.above, products.below_above),
            (after.mean * before.mean, after.below, before.below, products.below_below),
        )
        return sum(by * covariance_of(one, other, sums) for by, one, other, sums in kinds) / per

    @property
    def variance(self) -> float:
        apart = self.after.variance + self.theta * self.theta * self.before.variance
        return difference_of(apart, 2 * self.theta * self.shared)

    @property
    def unadjusted(self) -> Ratio:
        return self.after

    @property
    def covariance(self) -> float:
        return self.after.variance - self.theta * self.shared


def theta_of_ratios(arms: Iterable[AdjustedRatio]) -> float:
    """Return the theta for all arms, whatever they have; 0 where nobody differed before."""
    arms = tuple(arms)
    varied = sum(arm.before.variance for arm in arms)
    return sum(arm.shared for arm in arms) / varied if varied else 0.0
