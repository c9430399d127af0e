"""From scores to a list."""

from __future__ import annotations

from math import isfinite

import numpy as np

from personalization.ml.arrays import Floats, Indices


def top(scores: Floats, n: int) -> Indices:
    """Return the indices of the `n` highest scores, the best first; equal ones by index.

    Those of minus infinity are left out, so there may be fewer.
    """
    n = min(n, len(scores))
    if n <= 0:
        return np.empty(0, np.int32)
    if n == 1:  # the first of the highest, without an order of all
        first = int(scores.argmax())
        return np.array([first] if isfinite(scores[first]) else [], np.int32)
    # All that reach the n-th highest score, so that ties are broken by index alone.
    least = np.partition(scores, len(scores) - n)[len(scores) - n]
    candidates = (scores >= least).nonzero()[0]
    best = candidates[(-scores[candidates]).argsort(kind="stable")][:n]
    if not (isfinite(least) and isfinite(scores[best[0]])):  # all are between these two
        best = best[np.isfinite(scores[best])]
    chosen: Indices = best.astype(np.int32)
    return chosen
