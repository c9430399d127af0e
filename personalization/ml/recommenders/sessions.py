"""Visits as sequences of items: what the next step is learned from.

A step is an item that was gone to. What else is done with it before the next one (time spent
on a page, a product put into the cart) is no step of its own: it would look as if visitors
came back to where they are. Nor is what speaks against an item.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Flags, Indices, Instants
from personalization.ml.history import History
from personalization.ml.interactions import Interactions
from personalization.ml.unfit import UnfitData
from personalization.types import Microseconds


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Visits in the order they ended: visit v has the steps `items[starts[v]:starts[v + 1]]`.
    Nothing says whose visit it was."""

    #: Indices of items.
    items: Indices
    starts: NDArray[np.int64]
    ended: Instants

    def __len__(self) -> int:
        return len(self.ended)

    @property
    def lengths(self) -> NDArray[np.int64]:
        lengths: NDArray[np.int64] = np.diff(self.starts)
        return lengths

    @property
    def visits(self) -> Indices:
        """The number of the visit of each step."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.lengths)

    def since(self, instant: Microseconds) -> Sessions:
        """Return the visits that ended at `instant` or later."""
        return self._from(int(np.searchsorted(self.ended, instant)))

    def latest(self, n: int) -> Sessions:
        """Return the last `n` visits."""
        return self._from(max(len(self) - n, 0))

    def before(self, instant: Microseconds) -> Sessions:
        """Return the visits that ended earlier than `instant`."""
        end = int(np.searchsorted(self.ended, instant))
        return Sessions(
            items=self.items[: self.starts[end]],
            starts=self.starts[: end + 1],
            ended=self.ended[:end],
        )

    def where(self, chosen: Flags) -> Sessions:
        """Return the visits that are `chosen`."""
        lengths = self.lengths
        return Sessions(
            items=self.items[np.repeat(chosen, lengths)],
            starts=np.concatenate(([0], np.cumsum(lengths[chosen]))),
            ended=self.ended[chosen],
        )

    def followed_by(self, later: Sessions) -> Sessions:
        """Return these and `later` ones, none of which ended before the last of these."""
        return Sessions(
            items=np.concatenate([self.items, later.items]),
            starts=np.concatenate([self.starts, later.starts[1:] + self.starts[-1]]),
            ended=np.concatenate([self.ended, later.ended]),
        )

    def _from(self, first: int) -> Sessions:
        begin = self.starts[first]
        return Sessions(
            items=self.items[begin:],
            starts=self.starts[first:] - begin,
            ended=self.ended[first:],
        )


def sessions_of(interactions: Interactions) -> Sessions:
    """Return the visits of `interactions`, items by their indices there.

    :raises UnfitData: if there is none.
    """
    interactions = interactions.in_favour()
    if not len(interactions):
        raise UnfitData("There is not one visit to learn from; at least 1 is needed.")
    order = np.argsort(interactions.visit, kind="stable")
    visit, item = interactions.visit[order], interactions.item[order]
    steps = _steps(visit=visit, item=item, kind=interactions.kind[order])
    begins = np.flatnonzero(np.append(True, np.diff(visit[steps]) != 0))
    last = np.flatnonzero(np.append(np.diff(visit) != 0, True))
    return _in_order_of_end(
        item[steps],
        begins=begins,
        lengths=np.diff(begins, append=len(steps)),
        ended=interactions.at[order][last],
    )


def steps_of(history: History, *, n: int) -> tuple[str, ...]:
    """Return the items of the last `n` steps of the visit that goes on, the oldest first; of
    all visits where none goes on yet."""
    chosen = [step for step in history.steps if step.in_visit] or list(history.steps)
    kept: list[str] = []
    kind = ""
    for step in chosen:
        if not kept or step.item != kept[-1]:
            kind = step.kind
        elif step.kind != kind:
            continue
        kept.append(step.item)
    return tuple(kept[-n:])


def _steps(*, visit: Indices, item: Indices, kind: Indices) -> NDArray[np.int64]:
    """Return the rows that are steps, of rows that are ordered by visit and time."""
    came = np.append(True, (visit[1:] != visit[:-1]) | (item[1:] != item[:-1]))
    first = np.maximum.accumulate(np.where(came, np.arange(len(item)), 0))
    return np.flatnonzero(came | (kind == kind[first]))


def _in_order_of_end(
    items: Indices,
    *,
    begins: NDArray[np.int64],
    lengths: NDArray[np.int64],
    ended: Instants,
) -> Sessions:
    order = np.argsort(ended, kind="stable")
    lengths = lengths[order]
    starts = np.concatenate(([0], np.cumsum(lengths)))
    rows = np.arange(starts[-1]) + np.repeat(begins[order] - starts[:-1], lengths)
    return Sessions(items=items[rows], starts=starts, ended=ended[order])
