"""What is known of the units of one arm, as sums: enough for every test, and quickly added up.

A unit is a profile. Each sample tells the `mean` and the `variance` of one unit, so that the
variance of the mean is `variance / n`. Where there are fewer than two units, or what is divided
by is nothing, the variance is 0: nothing can be said.

Sources: variance of a ratio by the delta method, Deng et al., “Applying the Delta Method in
Metric Analytics” (KDD 2018), eq. 4; CUPED, Deng et al., “Improving the Sensitivity of Online
Controlled Experiments by Utilizing Pre-Experiment Data” (WSDM 2013). The sums are those that
GrowthBook's engine (gbstats) takes, whose recorded answers are held against ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles: TypeAlias = NDArray[np.float64]

#: A variance that is a smaller part than this of what it is the difference of is rounding.
ROUNDING: Final = 1e-12


class Sample(Protocol):
    """The units of one arm, by one metric."""

    @property
    def n(self) -> int:
        """How many units."""

    @property
    def mean(self) -> float:
        """0 of nobody."""

    @property
    def variance(self) -> float:
        """Of one unit, never negative."""

    @property
    def unadjusted(self) -> Sample:
        """The same units as they were measured, with nothing taken out."""

    @property
    def covariance(self) -> float:
        """Of one unit as it is here with the same as it was measured."""


class _AsMeasured:
    """A sample that nothing was taken out of."""

    __slots__ = ()

    @property
    def variance(self) -> float:
        raise NotImplementedError

    @property
    def unadjusted(self) -> Self:
        return self

    @property
    def covariance(self) -> float:
        return self.variance


@dataclass(frozen=True, slots=True)
class Mean(_AsMeasured):
    """A value of each unit: how many, their sum, and that of their squares."""

    n: int
    total: float
    squares: float

    @classmethod
    def of(cls, values: ArrayLike) -> Mean:
        array = as_doubles(values)
        return cls(len(array), float(array.sum()), float(array @ array))

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        return max(covariance_of(self, self, self.squares), 0.0)


@dataclass(frozen=True, slots=True)
class Proportion(_AsMeasured):
    """Units that did something or did not: `successes` of them did."""

    n: int
    successes: float

    @classmethod
    def of(cls, values: ArrayLike) -> Proportion:
        array = np.asarray(values, dtype=np.bool_)
        return cls(len(array), float(array.sum()))

    @property
    def total(self) -> float:
        return self.successes

    @property
    def mean(self) -> float:
        return self.successes / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        return max(self.mean * (1 - self.mean), 0.0) if self.n > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Ratio(_AsMeasured):
    """Two values of each unit, such as clicks per view: sums over sums, not a mean of ratios.

    `total` and `squares` are of what is divided, `per_total` and `per_squares` of what it is
    divided by, `product` is the sum of both values multiplied.
    """

    n: int
    total: float
    squares: float
    per_total: float
    per_squares: float
    product: float

    @classmethod
    def of(cls, numerators: ArrayLike, denominators: ArrayLike) -> Ratio:
        above, below = as_doubles(numerators), as_doubles(denominators)
        return cls(
            n=len(above),
            total=float(above.sum()),
            squares=float(above @ above),
            per_total=float(below.sum()),
            per_squares=float(below @ below),
            product=float(above @ below),
        )

    @property
    def above(self) -> Mean:
        return Mean(self.n, self.total, self.squares)

    @property
    def below(self) -> Mean:
        return Mean(self.n, self.per_total, self.per_squares)

    @property
    def mean(self) -> float:
        return self.total / self.per_total if self.per_total else 0.0

    @property
    def variance(self) -> float:
        """By the delta method: of (above − mean · below) / mean of below."""
        per = self.below.mean
        if self.n < 2 or not per:
            return 0.0
        above, below, mean = self.above, self.below, self.mean
        own = covariance_of(above, above, self.squares)
        other = covariance_of(below, below, self.per_squares)
        shared = covariance_of(above, below, self.product)
        return difference_of(own + mean * mean * other, 2 * mean * shared) / (per * per)


#: What a value before can be taken out of.
Plain: TypeAlias = Mean | Proportion


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Values of units less `theta` times what they were before the experiment (CUPED).

    `product` is the sum of both values multiplied. `theta` is the same in all arms
    (`theta_of`, `pooled_theta`): what is compared is then what it was without.
    """

    after: Plain
    before: Plain
    product: float
    theta: float

    @classmethod
    def of(cls, after: ArrayLike, before: ArrayLike, theta: float) -> Adjusted:
        late, early = as_doubles(after), as_doubles(before)
        return cls(Mean.of(late), Mean.of(early), float(late @ early), theta)

    @property
    def n(self) -> int:
        return self.after.n

    @property
    def mean(self) -> float:
        return self.after.mean - self.theta * self.before.mean

    @property
    def shared(self) -> float:
        """Return the covariance of a unit before and after."""
        return covariance_of(self.after, self.before, self.product)

    @property
    def variance(self) -> float:
        apart = self.after.variance + self.theta * self.theta * self.before.variance
        return difference_of(apart, 2 * self.theta * self.shared)

    @property
    def unadjusted(self) -> Plain:
        return self.after

    @property
    def covariance(self) -> float:
        return self.after.variance - self.theta * self.shared


def theta_of(pairs: Iterable[tuple[ArrayLike, ArrayLike]]) -> float:
    """Return cov(after, before) / var(before) over the units of all arms together.

    Each pair is the (after, before) of one arm. 0 where nobody differed before: nothing is
    taken out.
    """
    return pooled_theta(Adjusted.of(after, before, 0.0) for after, before in pairs)


def pooled_theta(arms: Iterable[Adjusted]) -> float:
    """Return the same from the sums of each arm, whatever theta they have."""
    arms = tuple(arms)
    after, before = _together(arm.after for arm in arms), _together(arm.before for arm in arms)
    if not before.variance or not after.variance:
        return 0.0
    return covariance_of(after, before, sum(arm.product for arm in arms)) / before.variance


def _together(samples: Iterable[Plain]) -> Plain:
    samples = tuple(samples)
    n, total = sum(one.n for one in samples), sum(one.total for one in samples)
    squares = [one.squares for one in samples if isinstance(one, Mean)]
    return Mean(n, total, sum(squares)) if squares else Proportion(n, total)


def covariance_of(one: Plain, other: Plain, product: float) -> float:
    """Return the covariance of two values of one unit, from the sum of their products."""
    n = one.n
    if n < 2:
        return 0.0
    by_means = one.total * other.total / n
    if abs(product - by_means) <= ROUNDING * abs(by_means):
        return 0.0
    shares = isinstance(one, Proportion) and isinstance(other, Proportion)
    return (product - by_means) / (n if shares else n - 1)


def winsorised(values: ArrayLike, quantile: float) -> Doubles:
    """Return the values with those above their quantile set to it.

    The quantile is that of the values above 0, so that metrics that are 0 for most, such as
    what visitors spend, keep more than nothing. It has to be taken over all arms together.
    """
    array = as_doubles(values)
    some = array[array > 0]
    return np.minimum(array, np.quantile(some, quantile)) if len(some) else array


def difference_of(whole: float, part: float) -> float:
    """Return whole − part, 0 where that is nothing but rounding."""
    left = whole - part
    return left if left > ROUNDING * whole else 0.0


def as_doubles(values: ArrayLike) -> Doubles:
    return np.asarray(values, dtype=np.float64)
