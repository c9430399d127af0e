"""Examples with a known driver: numbers, categories, gaps, and what came of them."""

from __future__ import annotations

import numpy as np

from personalization.ml.examples import Examples

MINUTE = 60_000_000
DEVICES = ("phone", "desk", "tablet", "watch")


def behaviour(*, n: int = 400, seed: int = 0, missing: float = 0.1) -> Examples:
    """Return `n` rows: whoever views many pages on a desk converts more often.

    The device “watch” is no row's, so that nothing is learned of it.
    """
    rng = np.random.default_rng(seed)
    pages = rng.gamma(2.0, 4.0, n)
    seconds = rng.exponential(200.0, n)
    device = rng.integers(0, 3, n).astype(float)
    log_odds = -2.5 + 0.15 * pages + 2.0 * (device == 1) - 0.002 * seconds
    labels = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(float)
    rows = np.column_stack([pages, device, seconds, rng.normal(size=n)])
    rows[rng.random(rows.shape) < missing] = np.nan
    return Examples(
        rows=rows,
        labels=labels,
        features=("pages", "device", "seconds", "noise"),
        at=np.arange(n, dtype=np.int64) * MINUTE,
        visitor=np.arange(n, dtype=np.int32),
        categories={"device": DEVICES},
    )
