"""How many visitors an experiment needs, how long that takes, and what it could find. Stdlib only.

All numbers of units are those of one arm, and not rounded. With more than two arms every arm is
compared with the first, and α is divided by their number less one, as Holm's first step does.
`sequential` plans for the always valid interval, which needs more; that the interval may leave
out 0 before the end is not counted on, so the power is at least what it says.

Sources: Cohen, “Statistical Power Analysis for the Behavioral Sciences” (1988) §6: shares by the
difference of arcsines; Guenther, “Sample Size Formulas for Normal Theory T Tests” (The American
Statistician 1981): means by the normal formula and z²/4 more for the t distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Final

from personalization.experiments.statistics.boundary import reach, rho_of

_NORMAL: Final = NormalDist()
#: Plans end here: no site has so many visitors.
MOST_UNITS: Final = 1e12


class UnfitPlan(ValueError):
    """Nothing can be planned with such numbers; the message says which."""


def units_needed(
    rate: float,
    lift: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    arms: int = 2,
    sequential: bool = False,
) -> float:
    """Return the units of each arm that find a share `rate` becoming `rate · (1 + lift)`.

    :raises UnfitPlan: if a share is not between 0 and 1, there is no lift, or more units are
        needed than `MOST_UNITS`.
    """
    return _units(
        _distance(rate, lift), power=power, alpha=_each(alpha, arms), sequential=sequential
    )


def units_needed_of_mean(
    mean: float,
    deviation: float,
    lift: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    arms: int = 2,
    sequential: bool = False,
) -> float:
    """Return the units of each arm that find a `mean` becoming `mean · (1 + lift)`.

    `deviation` is the standard deviation of a unit, the same in all arms.

    :raises UnfitPlan: if nothing deviates, there is no difference, or more units are needed
        than `MOST_UNITS`.
    """
    distance = _distance_of_mean(mean, deviation, lift)
    level = _each(alpha, arms)
    units = _units(distance, power=power, alpha=level, sequential=sequential)
    return units + (0 if sequential else _NORMAL.inv_cdf(1 - level / 2) ** 2 / 4)


def power_of(
    rate: float,
    lift: float,
    units: float,
    *,
    alpha: float = 0.05,
    arms: int = 2,
    sequential: bool = False,
) -> float:
    """Return how likely so many units in each arm find a lift of a share.

    :raises UnfitPlan: as `units_needed` does.
    """
    return _power(_distance(rate, lift), units, alpha=_each(alpha, arms), sequential=sequential)


def power_of_mean(
    mean: float,
    deviation: float,
    lift: float,
    units: float,
    *,
    alpha: float = 0.05,
    arms: int = 2,
    sequential: bool = False,
) -> float:
    """Return how likely so many units in each arm find a lift of a mean.

    :raises UnfitPlan: as `units_needed_of_mean` does.
    """
    distance = _distance_of_mean(mean, deviation, lift)
    return _power(distance, units, alpha=_each(alpha, arms), sequential=sequential)


def detectable(
    rate: float,
    units: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    arms: int = 2,
    sequential: bool = False,
) -> float | None:
    """Return the smallest lift of a share that so many units in each arm find.

    None where not even a share of 1 would be found.

    :raises UnfitPlan: if the share is not between 0 and 1.
    """
    if not 0 < rate < 1:
        raise UnfitPlan("The share is between 0 and 1.")
    if units < 1:
        return None
    needed = _needed_score(units, power=power, alpha=_each(alpha, arms), sequential=sequential)
    angle = math.asin(math.sqrt(rate)) + needed / math.sqrt(2 * units)
    return math.sin(angle) ** 2 / rate - 1 if angle <= math.pi / 2 else None


def detectable_of_mean(
    mean: float,
    deviation: float,
    units: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    arms: int = 2,
    sequential: bool = False,
) -> float | None:
    """Return the smallest lift of a mean that so many units in each arm find.

    None where there is not a unit, or the mean is 0, of which nothing is a share.
    """
    if units < 1 or not mean:
        return None
    needed = _needed_score(units, power=power, alpha=_each(alpha, arms), sequential=sequential)
    return needed * math.sqrt(2 / units) * deviation / abs(mean)


def days_needed(
    units: float, per_day: float, coverage: float = 1.0, *, arms: int = 2
) -> int | None:
    """Return the days until each arm has `units`, if `per_day` visitors come, of whom the share
    `coverage` takes part; None if nobody does."""
    taking_part = per_day * coverage
    return math.ceil(units * arms / taking_part) if taking_part > 0 else None


def _each(alpha: float, arms: int) -> float:
    if not 0 < alpha < 1 or arms < 2:
        raise UnfitPlan("Alpha is between 0 and 1, and there are two arms at least.")
    return alpha / (arms - 1)


def _distance(rate: float, lift: float) -> float:
    """Return Cohen's h: how far apart two shares are, in standard deviations."""
    other = rate * (1 + lift)
    if not (0 < rate < 1 and 0 <= other <= 1) or rate == other:
        raise UnfitPlan("Both shares are between 0 and 1, and not the same.")
    return 2 * abs(math.asin(math.sqrt(other)) - math.asin(math.sqrt(rate)))


def _distance_of_mean(mean: float, deviation: float, lift: float) -> float:
    """Return Cohen's d."""
    if not deviation > 0 or not mean * lift:
        raise UnfitPlan("Values deviate from their mean, and the means are not the same.")
    return abs(mean * lift) / deviation


def _power(distance: float, units: float, *, alpha: float, sequential: bool) -> float:
    """Return the power of either side: that of the wrong one is as good as nothing."""
    if units <= 0:
        return 0.0
    score, needed = distance * math.sqrt(units / 2), _boundary(units, alpha, sequential)
    return _NORMAL.cdf(score - needed) + _NORMAL.cdf(-score - needed)


def _boundary(units: float, alpha: float, sequential: bool) -> float:
    """Return how many standard errors away an effect has to be at so many units in each arm."""
    if not sequential:
        return _NORMAL.inv_cdf(1 - alpha / 2)
    return reach(2 * units, rho_of(alpha=alpha), alpha=alpha)


def _needed_score(units: float, *, power: float, alpha: float, sequential: bool) -> float:
    if not 0 < power < 1:
        raise UnfitPlan("The power is between 0 and 1.")
    return _boundary(units, alpha, sequential) + _NORMAL.inv_cdf(power)


def _units(distance: float, *, power: float, alpha: float, sequential: bool) -> float:
    def missing(units: float) -> float:
        needed = _needed_score(units, power=power, alpha=alpha, sequential=sequential)
        return needed / distance - math.sqrt(units / 2)

    if not sequential:
        return 2 * (missing(1.0) + math.sqrt(1 / 2)) ** 2
    return _root(missing)


def _root(falling: Callable[[float], float]) -> float:
    """Return where a function that is above 0 for few units crosses it."""
    low, high = 1.0, 2.0
    while falling(high) > 0:
        low, high = high, 2 * high
        if high > MOST_UNITS:
            raise UnfitPlan("The difference is too small to be ever found.")
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return high
