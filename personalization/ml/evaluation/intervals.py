"""How sure a share is, in plain Python: where shares are shown there may be no numpy.

Source: Wilson, “Probable inference, the law of succession, and statistical inference” (JASA 1927).
"""

from __future__ import annotations

import math
from statistics import NormalDist


def wilson(successes: int, n: int, *, alpha: float = 0.05) -> tuple[float, float]:
    """Return the interval of a share that holds it but for one time in 1 / `alpha`; of nobody,
    anything from 0 to 1."""
    if not n:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(1 - alpha / 2)
    share, shift = successes / n, z * z / n
    middle = (share + shift / 2) / (1 + shift)
    width = z * math.sqrt(share * (1 - share) / n + shift / (4 * n)) / (1 + shift)
    return max(middle - width, 0.0), min(middle + width, 1.0)
