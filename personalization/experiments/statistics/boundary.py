"""How many standard errors away an effect has to be for one who looks all the time. Stdlib only.

Source: Waudby-Smith et al., “Time-uniform central limit theory and asymptotic confidence
sequences” (arXiv 2103.06476v7): eq. 9 (two sides), 155 (one side), 161 (the best ρ).
"""

from __future__ import annotations

import math
from typing import Final

#: At so many units, in all arms that are compared, the interval is the narrowest it can be.
TUNING: Final = 5000.0


def rho_of(tuning: float = TUNING, *, alpha: float = 0.05, one_sided: bool = False) -> float:
    """Return the ρ that makes the interval narrowest at `tuning` units (eq. 161)."""
    doubled = -2 * math.log(2 * alpha if one_sided else alpha)
    return math.sqrt((doubled + math.log(doubled + 1)) / tuning)


def reach(n: float, rho: float, *, alpha: float = 0.05, one_sided: bool = False) -> float:
    """Return half the width of the interval in standard errors, at `n` units of both arms."""
    x = n * rho * rho + 1
    logged = math.log1p(math.sqrt(x) / (2 * alpha)) if one_sided else math.log(math.sqrt(x) / alpha)
    return math.sqrt(2 * x / (x - 1) * logged)


def always_valid_p(score: float, n: float, rho: float) -> float:
    """Return the smallest alpha, ρ kept, whose interval leaves out 0 (eq. 9 solved for α)."""
    x = n * rho * rho + 1
    return math.exp(min(0.0, math.log(x) / 2 - score * score * (x - 1) / (2 * x)))


def always_valid_p_of_one_side(score: float, n: float, rho: float) -> float:
    """Return the same for an effect above 0 (eq. 155), 0.5 at most: the formula ends there."""
    x = n * rho * rho + 1
    if score <= 0:
        return 0.5
    power = score * score * (x - 1) / (2 * x)
    if power > 700:  # beyond it exp overflows, and the 1 is nothing
        return math.exp(math.log(x) / 2 - power) / 2
    return min(0.5, math.sqrt(x) / (2 * math.expm1(power))) if power else 0.5
