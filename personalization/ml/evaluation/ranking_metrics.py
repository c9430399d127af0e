"""How good lists are: of one list each, from the items that turned out to be right.

Gains are binary. Lists hold indices of items, the best first (ranking.top makes them);
`relevant` holds the right ones, each once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Floats, Indices


def ndcg(ranked: Indices, *, relevant: Indices, n: int) -> float:
    """Return the discounted gain of the first `n` over the best that could be (0 to 1):
    1 / log2(1 + rank) for each right one, as in Järvelin and Kekäläinen (2002)."""
    best = min(n, len(relevant))
    if not best:
        return 0.0
    gains = _discounts(n)[: len(ranked)][_hits(ranked, relevant=relevant, n=n)]
    return float(gains.sum() / _discounts(n)[:best].sum())


def recall(ranked: Indices, *, relevant: Indices, n: int) -> float:
    """Return the share of the right ones that are among the first `n`."""
    hits = int(_hits(ranked, relevant=relevant, n=n).sum())
    return hits / len(relevant) if len(relevant) else 0.0


def hit_rate(ranked: Indices, *, relevant: Indices, n: int) -> float:
    """Return 1 if any right one is among the first `n`, otherwise 0."""
    return float(_hits(ranked, relevant=relevant, n=n).any())


def reciprocal_rank(ranked: Indices, *, relevant: Indices, n: int) -> float:
    """Return 1 over the rank of the first right one, 0 if it is not among the first `n`."""
    hits = np.flatnonzero(_hits(ranked, relevant=relevant, n=n))
    return 1.0 / (int(hits[0]) + 1) if len(hits) else 0.0


def mid_rank(scores: Floats, *, target: int) -> float:
    """Return the rank of item `target`, from 1, among all that have a score above minus
    infinity; of equal scores each has the rank in their middle, so that luck gains nothing.

    Infinite if the target has no score.
    """
    own = scores[target]
    if not np.isfinite(own):
        return float("inf")
    equal = int((scores == own).sum()) - 1
    return float((scores > own).sum()) + equal / 2 + 1


def half_life_utility(
    ranked: Indices, *, relevant: Indices, half_life: int = 5
) -> tuple[float, float]:
    """Return what a list is worth, and the most it could be: each right one counts
    2^(-(rank - 1) / (half_life - 1)). The R score is 100 × the sum of the first over the sum
    of the second (Breese, Heckerman and Kadie 1998, §3)."""
    places = np.flatnonzero(np.isin(ranked, relevant))
    best = np.arange(len(relevant))
    worth, most = (float(np.exp2(-at / (half_life - 1)).sum()) for at in (places, best))
    return worth, most


def coverage(lists: Sequence[Indices], *, n_items: int) -> float:
    """Return the share of all items that are in any list."""
    shown = np.unique(np.concatenate(lists)) if lists else np.empty(0, np.int32)
    return len(shown) / n_items if n_items else 0.0


def gini(lists: Sequence[Indices], *, n_items: int) -> float:
    """Return how unevenly lists share themselves out among items: 0 if each is shown as
    often, near 1 if one alone is."""
    if not lists or not n_items:
        return 0.0
    shown = np.sort(np.bincount(np.concatenate(lists), minlength=n_items)).astype(np.float64)
    if not shown.sum():
        return 0.0
    places = np.arange(1, n_items + 1)
    return float((2 * places - n_items - 1) @ shown / (n_items * shown.sum()))


def _hits(ranked: Indices, *, relevant: Indices, n: int) -> NDArray[np.bool_]:
    return np.isin(ranked[:n], relevant)


def _discounts(n: int) -> Doubles:
    discounts: Doubles = 1.0 / np.log2(np.arange(2, n + 2))
    return discounts
