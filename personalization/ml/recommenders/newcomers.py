"""Items that few have seen, told in part by those they are like: so what is new is found at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Floats, Indices
from personalization.ml.base import Arrays

#: Visitors that an item needs for its own scores to count as much as those of its like.
_ENOUGH = 5.0
#: An item that more visitors saw than that is new to nobody: of what its like have it would get
#: less than a twentieth of what one gets that nobody saw.
_KNOWN_TO = 100
#: How much more an item that nobody saw counts by its own likeness to the history, for each 1
#: that engines weigh who cannot know it.
_OWN = 0.3
#: An item's like are so many; items that have like at all are so many at most.
_LIKE, _NEWCOMERS = 10, 4_000


@dataclass(frozen=True, kw_only=True)
class Newcomers:
    """Items that few saw (n), with those they are like (n × 10) and how much each counts."""

    items: Indices
    like: Indices
    shares: Floats

    def told(self, scores: Floats, *, likeness: Floats) -> Floats:
        """Return `scores`, of one history and of all items, with what newcomers get: the more,
        the fewer saw them, of the scores of those they are like and of their own `likeness`."""
        if not len(self.items):
            return scores
        items, like, shares, own = self._columns
        # There is no index out of bounds, so none is looked for.
        gained = np.einsum("ij,ij->j", scores.take(like, mode="clip"), shares)
        gained += own * likeness.take(items, mode="clip")
        told = scores.copy()
        told[items] += gained
        return told

    @cached_property
    def _columns(self) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats, Floats]:
        """Return `items`, and `like` and `shares` as ten long rows (10 × n), which are summed
        several times faster than many of ten; and what the own likeness of each item counts.

        Numbers are such as numpy indexes by, so that they are not made these for every history.
        """
        return (
            self.items.astype(np.intp),
            np.ascontiguousarray(self.like.T, np.intp),
            np.ascontiguousarray(self.shares.T),
            _OWN * self.shares.sum(axis=1),
        )

    def arrays(self) -> Arrays:
        return {"items": self.items, "like": self.like, "shares": self.shares}


def newcomers(
    like: Callable[[int], tuple[Indices, Floats]], *, seen: NDArray[np.int64], share: float
) -> Newcomers:
    """Return the items that fewest visitors saw, with those they are like.

    `like` returns for an item those that are like it, the most first, and how much; `seen` has
    how many visitors saw each. Only what was seen can tell of others. `share` is how much of
    their scores an item gets that nobody saw.
    """
    order = np.argsort(seen, kind="stable")[:_NEWCOMERS] if share else seen[:0]
    items, tellers, shares = [], [], []
    for item in np.sort(order[seen[order] <= _KNOWN_TO]).tolist():
        found, weights = like(item)
        chosen = np.flatnonzero((weights > 0) & (seen[found] > 0))[:_LIKE]
        if len(chosen):
            missing = share * _ENOUGH / (float(seen[item]) + _ENOUGH)
            items.append(item)
            tellers.append(_filled(found[chosen]))
            shares.append(_filled(weights[chosen] / weights[chosen].sum() * missing))
    return Newcomers(
        items=np.array(items, np.int32),
        like=np.array(tellers, np.int32).reshape(-1, _LIKE),
        shares=np.array(shares, np.float32).reshape(-1, _LIKE),
    )


def _filled(values: NDArray[Any]) -> NDArray[Any]:
    return np.pad(values, (0, _LIKE - len(values)))


def no_newcomers() -> Newcomers:
    return Newcomers(
        items=np.empty(0, np.int32),
        like=np.empty((0, _LIKE), np.int32),
        shares=np.empty((0, _LIKE), np.float32),
    )
