"""Made-up visitors of a shop in an experiment: put into arms by our hash, and what they then do.

One in ten orders, regulars more often and for more; what an order is worth is lognormal, so
that most visitors spend nothing and a few very much. Page views before the experiment tell of
those during it. What a visitor does happens on the day of the first exposure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from personalization.experiments.bucketing import arm_at, bucket, ranges_of
from personalization.experiments.statistics.samples import Mean, Proportion

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Places: TypeAlias = NDArray[np.int64]

UNITS: Final = 3_000
DAYS: Final = 28
ARMS = CONTROL, TREATMENT = 0, 1

#: The share of regulars; how many of them, and of others, order; what an order is worth.
REGULARS: Final = 0.3
RATES: Final = (0.2, 0.04 / 0.7)
LOG_VALUES: Final = (3.6, 3.2)
LOG_DEVIATION: Final = 1.0
#: Pages are Poisson around a lognormal mean of their own.
LOG_PAGES, LOG_PAGES_DEVIATION = math.log(5), 0.8


@dataclass(frozen=True, kw_only=True)
class Planted:
    """By which shares the treatment raises orders, and page views."""

    orders: float = 0.0
    pages: float = 0.0

    @property
    def more_orders(self) -> float:
        return RATE * self.orders

    @property
    def more_value(self) -> float:
        """Return how much more a visitor spends in the mean."""
        return VALUE * self.orders

    @property
    def more_pages(self) -> float:
        return PAGES * self.pages


def _over_kinds(regulars: float, others: float) -> float:
    return REGULARS * regulars + (1 - REGULARS) * others


def _order(log_value: float) -> float:
    return math.exp(log_value + LOG_DEVIATION**2 / 2)


#: Of a visitor without treatment: the share that orders, what is spent, and pages, in the mean.
RATE: Final = _over_kinds(*RATES)
VALUE: Final = _over_kinds(*(rate * _order(at) for rate, at in zip(RATES, LOG_VALUES, strict=True)))
PAGES: Final = math.exp(LOG_PAGES + LOG_PAGES_DEVIATION**2 / 2)
#: How far the page views of a visitor are from that, in the mean (Poisson around lognormal).
PAGES_DEVIATION: Final = math.sqrt(PAGES + PAGES**2 * math.expm1(LOG_PAGES_DEVIATION**2))


def visitors(n: int, *, first: int = 1_000_000) -> list[str]:
    """Return what chance is drawn by: the numbers of profiles, one after the other."""
    return [str(number) for number in range(first, first + n)]


def arms_of(test: str, units: Sequence[str]) -> Places:
    """Return the arm of each unit in one experiment, both arms with half of the visitors."""
    ranges = ranges_of(2)
    return np.array([arm_at(bucket(unit, seed=test), ranges) for unit in units], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Visits:
    """What every unit did, and when: an array of each kind, in the order of units."""

    arms: Places
    days: Places
    ordered: Flags
    values: Floats
    pages: Floats
    pages_before: Floats


def visits(rng: np.random.Generator, arms: Places, planted: Planted) -> Visits:
    """Return what the units of one experiment do."""
    n = len(arms)
    regular = (rng.random(n) >= REGULARS).astype(np.int64)  # the place in pairs: 0 a regular
    treated = arms == TREATMENT
    rates = np.array(RATES)[regular] * np.where(treated, 1 + planted.orders, 1.0)
    ordered = rng.random(n) < rates
    worth = rng.lognormal(np.array(LOG_VALUES)[regular], LOG_DEVIATION)
    pages = rng.lognormal(LOG_PAGES, LOG_PAGES_DEVIATION, n)
    return Visits(
        arms=arms,
        days=rng.integers(0, DAYS, n),
        ordered=ordered,
        values=np.where(ordered, worth, 0.0),
        pages=rng.poisson(pages * np.where(treated, 1 + planted.pages, 1.0)).astype(np.float64),
        pages_before=rng.poisson(pages).astype(np.float64),
    )


@dataclass(frozen=True, kw_only=True)
class Days:
    """What was known of both arms at the end of each day: arrays of (day, arm)."""

    units: Floats
    orders: Floats
    totals: Floats
    squares: Floats

    @classmethod
    def of(cls, seen: Visits) -> Days:
        def until(weights: Floats | Flags | None = None) -> Floats:
            places = 2 * seen.days + seen.arms
            summed = np.bincount(places, weights=weights, minlength=2 * DAYS)
            return summed.reshape(DAYS, 2).cumsum(axis=0)

        return cls(
            units=until(),
            orders=until(seen.ordered),
            totals=until(seen.values),
            squares=until(seen.values * seen.values),
        )

    def values(self, least: int) -> Iterator[tuple[Mean, Mean]]:
        """Yield what was spent in both arms, day after day, from `least` units in each on."""
        for day in self._enough(least):
            yield self._mean(day, CONTROL), self._mean(day, TREATMENT)

    def conversions(self, least: int) -> Iterator[tuple[Proportion, Proportion]]:
        """Yield who ordered in both arms, in the same way."""
        for day in self._enough(least):
            yield self._share(day, CONTROL), self._share(day, TREATMENT)

    def counts(self) -> list[list[int]]:
        """Return how many units were in the arms, day after day."""
        return [[int(n) for n in day] for day in self.units]

    def _enough(self, least: int) -> Iterator[int]:
        return (day for day in range(DAYS) if self.units[day].min() >= least)

    def _mean(self, day: int, arm: int) -> Mean:
        at = (day, arm)
        return Mean(int(self.units[at]), float(self.totals[at]), float(self.squares[at]))

    def _share(self, day: int, arm: int) -> Proportion:
        return Proportion(int(self.units[day, arm]), float(self.orders[day, arm]))
