"""Which visits had an item, the latest first: where neighbours of a visit are looked up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Floats, Indices
from personalization.ml.recommenders.sessions import Sessions


@dataclass(frozen=True, kw_only=True)
class SessionIndex:
    """Sessions and, for item i, `postings[begins[i]:begins[i + 1]]`: the last step with it in
    each visit that has it, as an index into `sessions.items`, the latest visit first."""

    sessions: Sessions
    #: Visit of each step.
    visits: Indices
    postings: Indices
    begins: NDArray[np.int64]
    #: Number of different items of each visit.
    widths: Floats

    def found(self, item: int, *, n: int) -> Indices:
        """Return the postings of an item in the latest `n` visits that have it."""
        begin = self.begins[item]
        return self.postings[begin : min(begin + n, self.begins[item + 1])]

    def rarity(self) -> Floats:
        """Return for each item the logarithm of visits over visits that have it; 0 if none."""
        had = np.diff(self.begins)
        rare = np.log(max(len(self.sessions), 1) / np.maximum(had, 1))
        return np.where(had > 0, rare, 0.0).astype(np.float32)


def index_of(sessions: Sessions, *, n_items: int) -> SessionIndex:
    """Return the index of `sessions`, whose items are below `n_items`."""
    visits, items = sessions.visits, sessions.items
    pairs = visits.astype(np.int64) * n_items + items
    order = np.argsort(pairs, kind="stable")
    ordered = pairs[order]
    last = order[np.append(ordered[1:] != ordered[:-1], np.ones(min(len(order), 1), bool))]
    latest = np.sort(last)[::-1]
    by_item = np.argsort(items[latest], kind="stable")
    had = np.bincount(items[latest], minlength=n_items)
    return SessionIndex(
        sessions=sessions,
        visits=visits,
        postings=latest[by_item].astype(np.int32),
        begins=np.concatenate(([0], np.cumsum(had))),
        widths=np.bincount(visits[latest], minlength=len(sessions)).astype(np.float32),
    )
