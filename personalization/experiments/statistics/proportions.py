"""Tests and intervals of shares alone.

Sources: the z-test of two proportions with a pooled variance (Pearson's χ² without correction);
Wilson, “Probable inference, the law of succession, and statistical inference” (JASA 1927).
"""

from __future__ import annotations

import math
from statistics import NormalDist

from personalization.experiments.statistics.effects import UNKNOWN, Estimate
from personalization.experiments.statistics.samples import Proportion

_NORMAL = NormalDist()


def two_proportions(control: Proportion, treatment: Proportion, *, alpha: float = 0.05) -> Estimate:
    """Return the difference of two shares; `p_value` is that of there being none.

    `error`, and so p, is by one share for both arms, as it is if there is no difference; the
    interval is by both, without that (Wald).
    """
    if not control.n or not treatment.n:
        return UNKNOWN
    n = control.n + treatment.n
    pooled = (control.successes + treatment.successes) / n
    error = math.sqrt(pooled * (1 - pooled) * (1 / control.n + 1 / treatment.n))
    if not error:
        return UNKNOWN
    size = treatment.mean - control.mean
    apart = math.sqrt(control.variance / control.n + treatment.variance / treatment.n)
    width = _NORMAL.inv_cdf(1 - alpha / 2) * apart
    p_value = 2 * _NORMAL.cdf(-abs(size / error))
    return Estimate(size, size - width, size + width, p_value, error)


def wilson(sample: Proportion, *, alpha: float = 0.05) -> tuple[float, float]:
    """Return the interval of a share; of nobody, anything between 0 and 1."""
    if not sample.n:
        return 0.0, 1.0
    z = _NORMAL.inv_cdf(1 - alpha / 2)
    n, share, shift = sample.n, sample.mean, z * z / sample.n
    middle = (share + shift / 2) / (1 + shift)
    width = z * math.sqrt(share * (1 - share) / n + shift / (4 * n)) / (1 + shift)
    return max(middle - width, 0.0), min(middle + width, 1.0)
