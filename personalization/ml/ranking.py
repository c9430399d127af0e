"""From scores to a list."""

from __future__ import annotations

import numpy as np

from personalization.ml.arrays import Floats, Indices


def top(scores: Floats, n: int) -> Indices:
    """Return the indices of the `n` highest scores, the best first; equal ones by index.

    Those of minus infinity are left out, so there may be fewer.
    """
    n = min(n, len(scores))
    if n <= 0:
        return np.empty(0, np.int32)
    # All that reach the n-th highest score, so that ties are broken by index alone.
    least = np.partition(scores, len(scores) - n)[len(scores) - n]
    candidates = np.flatnonzero(scores >= least)
    best = candidates[np.argsort(-scores[candidates], kind="stable")][:n]
    return best[np.isfinite(scores[best])].astype(np.int32)
