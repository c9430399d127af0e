"""Clusters keep their ids from one training to the next, so that segments keep their meaning.

Numbers of clusters mean nothing: each training hands them out anew. So those who are asked about
are grouped by both models, and each new cluster gets the id of the old one it shares most rows
with, each id once, so that as many rows as possible keep theirs (H. Kuhn, The Hungarian method
for the assignment problem, 1955). Of several ways to do so, one is taken by which most ids go on,
and of those the oldest: which ids do does not hang on how the new clusters are numbered. What is
like no old cluster gets an id that no cluster had.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from personalization.ml.arrays import Flags, Indices
from personalization.ml.clusters.stability import overlaps

#: Of the rows that are in either, so many are in both: less is another cluster.
SAME = 0.3


@dataclass(frozen=True, kw_only=True)
class Matching:
    """The id of each new cluster, in the order of their numbers, and the first id never used."""

    ids: tuple[int, ...]
    next_id: int


def first_ids(k: int) -> Matching:
    """Return the ids of the first training there is."""
    return Matching(ids=tuple(range(k)), next_id=k)


def matched(before: Indices, numbers: Indices, *, k: int, next_id: int) -> Matching:
    """Return the ids of `k` new clusters.

    `before` (n) are the ids the rows had, -1 for none; `numbers` (n) of the new clusters, -1
    for none; `next_id` is above all ids that were ever given.
    """
    ids = _same(before, numbers, k=k) if (before >= 0).any() else {}
    fresh = [n for n in range(k) if n not in ids]
    ids |= {n: next_id + place for place, n in enumerate(fresh)}
    return Matching(ids=tuple(ids[n] for n in range(k)), next_id=next_id + len(fresh))


def _same(before: Indices, numbers: Indices, *, k: int) -> dict[int, int]:
    """Return the ids of the new clusters that are old ones."""
    from scipy.optimize import linear_sum_assignment

    known = np.unique(before[before >= 0])
    old = before[:, None] == known
    new = numbers[:, None] == np.arange(k)
    shared = old.T.astype(np.float64) @ new
    either = old.sum(axis=0)[:, None] + new.sum(axis=0) - shared
    allowed = shared >= SAME * np.maximum(either, 1)
    # All that are kept but the rows add up to less than one row.
    oldest_first = 0.5 ** np.arange(1, len(known) + 1)
    worth = allowed * (shared * (min(shared.shape) + 1) + 1 + oldest_first[:, None])
    pairs = zip(*linear_sum_assignment(worth, maximize=True), strict=True)
    return {int(n): int(known[row]) for row, n in pairs if allowed[row, n]}


def stayed(before: Indices, numbers: Indices) -> Flags:
    """Return which rows (n) did not change: they are in the new cluster that most of those are
    in with whom they were together before. Rows in no cluster before are not among them."""
    found = np.zeros(len(before), np.bool_)
    olds, news = np.unique(before), np.unique(numbers)
    table = overlaps(before, numbers)
    for row, old in enumerate(olds):
        if old >= 0:
            found |= (before == old) & (numbers == news[table[row].argmax()])
    return found
