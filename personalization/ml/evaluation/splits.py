"""What is learned from, and what is asked about: split by time alone.

Whoever splits at random lets a model see the future: tomorrow's bestseller, or the other
half of the visit it is asked about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from personalization.ml.arrays import Indices
from personalization.ml.history import History, Step
from personalization.ml.interactions import Dataset, Interactions
from personalization.ml.unfit import TooLittleData
from personalization.types import Microseconds

#: Steps of a history that are remembered; older ones say nothing that these do not.
REMEMBERED = 50


@dataclass(frozen=True, kw_only=True)
class Split:
    """What happened before `at`, and since."""

    before: Dataset
    since: Interactions
    at: Microseconds


@dataclass(frozen=True, kw_only=True)
class Question:
    """What somebody had done, and what the same person did next."""

    history: History
    #: Keys of items, each once, in the order they came; none of them is in the history
    #: where new items are asked for.
    targets: tuple[str, ...]


def latest(dataset: Dataset, *, share: float = 0.1) -> Split:
    """Return a split with (about) the last `share` of the rows on its later side.

    Rows of one instant stay together, so that side may be larger.

    :raises TooLittleData: if one of the sides would be empty.
    """
    if not 0 < share < 1:
        raise ValueError(f"The share is {share!r}; allowed: between 0 and 1.")
    rows = dataset.interactions
    if len(rows) < 2:
        raise TooLittleData(f"Needs 2 interactions to split in time, has {len(rows)}.")
    last = min(max(int(len(rows) * (1 - share)), 1), len(rows) - 1)
    return split_at(dataset, at=int(np.sort(rows.at)[last]))


def split_at(dataset: Dataset, *, at: Microseconds) -> Split:
    """Return what happened before an instant, and since.

    :raises TooLittleData: if one of the sides is empty.
    """
    before, since = dataset.interactions.before(at), dataset.interactions.since(at)
    if not len(before) or not len(since):
        raise TooLittleData(
            f"Of {len(dataset.interactions)} interactions {len(before)} are earlier than the "
            f"split and {len(since)} are not; at least 1 of each is needed."
        )
    learned = Dataset(interactions=before, until=at, catalogue=dataset.catalogue)
    return Split(before=learned, since=since, at=at)


def new_items(split: Split) -> Iterator[Question]:
    """Yield a question for each visitor of both sides: which items are new to them later?

    Of the earlier side they have the last `REMEMBERED` steps. Who did nothing new is left out.
    """
    earlier = _by(split.before.interactions.visitor)
    later = _by(split.since.visitor)
    for visitor in sorted(earlier.keys() & later.keys()):
        rows = earlier[visitor]
        known = {int(item) for item in split.before.interactions.item[rows]}
        found = [item for item in split.since.item[later[visitor]].tolist() if item not in known]
        if found:
            yield Question(
                history=_history(split.before.interactions, rows, now=split.at, visit=None),
                targets=tuple(split.since.items[item] for item in dict.fromkeys(found)),
            )


def next_items(interactions: Interactions) -> Iterator[Question]:
    """Yield a question for each step of a visit but the first: which item comes now?

    The history is the part of the visit before it; repetitions are asked about like all else.
    """
    for visit, rows in sorted(_by(interactions.visit).items()):
        for n in range(1, len(rows)):
            now = int(interactions.at[rows[n]])
            yield Question(
                history=_history(interactions, rows[:n], now=now, visit=visit),
                targets=(interactions.items[interactions.item[rows[n]]],),
            )


def _by(column: Indices) -> dict[int, Indices]:
    """Return for each value of a column its rows, in their order."""
    order = np.argsort(column, kind="stable")
    values, starts = np.unique(column[order], return_index=True)
    parts = np.split(order.astype(np.int32), starts[1:])
    return dict(zip(values.tolist(), parts, strict=True)) if len(column) else {}


def _history(
    rows: Interactions, chosen: Indices, *, now: Microseconds, visit: int | None
) -> History:
    steps = tuple(
        Step(
            item=rows.items[rows.item[row]],
            at=int(rows.at[row]),
            kind=rows.kinds[rows.kind[row]],
            in_visit=visit is not None and int(rows.visit[row]) == visit,
        )
        for row in chosen[-REMEMBERED:]
    )
    return History(steps=steps, now=now)
