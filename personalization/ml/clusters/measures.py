"""How far groups lie apart, in figures that know nothing but the rows.

Sources: P. Rousseeuw, Silhouettes (1987); D. Davies and D. Bouldin, A cluster separation
measure (1979). The elbow is the point farthest from the chord, as in V. Satopää and others,
Finding a “kneedle” in a haystack (2011).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from personalization.ml.arrays import Doubles, Indices
from personalization.ml.clusters.centres import means


def silhouettes(rows: Doubles, numbers: Indices) -> Doubles:
    """Return how well each row lies in its cluster (n): from 1 (far from all others) over 0
    (between two) to -1 (in the wrong one); 0 for the only row of a cluster, or if there is one cluster only.

    Each pair of rows is looked at: give it a few thousand at most. Numbers are from 0 on; there
    may be some that no row has.
    """
    squares = (rows**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0))
    np.fill_diagonal(distances, 0)
    sizes = np.bincount(numbers)
    member = (numbers[:, None] == np.arange(len(sizes))).astype(np.float64)
    sums = distances @ member
    place = np.arange(len(rows))
    own = sums[place, numbers] / np.maximum(sizes[numbers] - 1, 1)
    others = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)
    others[place, numbers] = np.inf
    other = np.where(np.isfinite(nearest := others.min(axis=1)), nearest, own)
    farther = np.maximum(own, other)
    found = np.where(farther > 0, (other - own) / np.where(farther > 0, farther, 1), 0)
    return np.where(sizes[numbers] > 1, found, 0.0)


def davies_bouldin(rows: Doubles, numbers: Indices) -> float:
    """Return the mean over clusters of how wide one is together with the other that is most
    like it, for their distance: 0 or more, the lower the better. Numbers are from 0 on, each
    with a row. Two around one place have no distance: neither is compared with the other."""
    k = int(numbers.max()) + 1
    centres, sizes = means(rows, numbers, k=k)
    away = np.sqrt(((rows - centres[numbers]) ** 2).sum(axis=1))
    wide = np.bincount(numbers, weights=away, minlength=k) / sizes
    apart = np.sqrt(((centres[:, None] - centres) ** 2).sum(axis=2))
    apart = np.where(apart > 0, apart, np.inf)  # each from itself, too
    return float(((wide[:, None] + wide) / apart).max(axis=1).mean())


def scatter(rows: Doubles, numbers: Indices) -> float:
    """Return the sum of squared distances of rows to the mean of their cluster."""
    centres, _ = means(rows, numbers, k=int(numbers.max()) + 1)
    return float(((rows - centres[numbers]) ** 2).sum())


def elbow(ks: Sequence[int], scatters: Sequence[float]) -> int:
    """Return the number of clusters after which more of them help least: where the curve of
    `scatters` is farthest below the line from its first point to its last."""
    first, last = scatters[0], scatters[-1]
    span, fall = ks[-1] - ks[0], first - last
    if not span or fall <= 0:
        return ks[0]
    below = [
        (first - value) / fall - (k - ks[0]) / span for k, value in zip(ks, scatters, strict=True)
    ]
    return ks[below.index(max(below))]
