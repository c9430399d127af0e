"""People of four kinds, made up: who is of which is known, so that what finds them can be judged."""

from __future__ import annotations

import numpy as np

from personalization.ml.arrays import Doubles, Indices

#: What profiles count, in the order of columns.
FEATURES = (
    "visits.count", "pages.count", "cart.adds", "orders.count", "orders.revenue",
    "engagement.seconds",
)  # fmt: skip
#: Share of the people; mean visits, pages a visit, share of visits with a cart, of carts with an
#: order, worth of an order, seconds a page.
KINDS = {
    "bargain hunter": (0.2, 14, 4, 0.8, 0.9, 20, 20),
    "avid reader": (0.25, 16, 14, 0.02, 0.5, 60, 90),
    "big spender": (0.1, 4, 8, 0.9, 0.95, 400, 60),
    "passer-by": (0.45, 1.3, 1.5, 0.03, 0.1, 50, 12),
}


def people(*, n: int = 1600, seed: int = 1) -> tuple[Doubles, Indices]:
    """Return features (n × `FEATURES`) of people, and the number of the kind of each."""
    rng = np.random.default_rng(seed)
    table = np.array(list(KINDS.values()))
    truth = rng.choice(len(KINDS), size=n, p=table[:, 0])
    visits, pages, carts, orders, worth, seconds = table[truth, 1:].T
    taste = rng.lognormal(sigma=0.25, size=n)
    visit = 1 + rng.poisson((visits - 1) * taste)
    page = visit + rng.poisson(visit * (pages - 1) * taste)
    cart = rng.binomial(visit, carts)
    order = rng.binomial(cart, orders)
    revenue = np.round(order * worth * rng.lognormal(sigma=0.3, size=n), 2)
    engaged = np.round(page * seconds * rng.lognormal(sigma=0.3, size=n), 1)
    rows = np.stack([visit, page, cart, order, revenue, engaged], axis=1)
    return rows, truth.astype(np.int32)
