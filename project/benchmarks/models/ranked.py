"""Lists for many visitors whose items are known without their order in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalization.ml.base import Recommender
from personalization.ml.evaluation.ranking_metrics import (
    coverage,
    gini,
    hit_rate,
    ndcg,
    recall,
)
from personalization.ml.history import History, Step
from personalization.ml.interactions import Dataset, Interactions
from personalization.ml.ranking import top

_N = 20
#: Steps of a history, the last ones, that are taken to be of the visit that goes on.
_IN_VISIT = 10


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Which items each visitor has, by their numbers in the file."""

    visitor: NDArray[np.int64]
    item: NDArray[np.int64]

    @classmethod
    def of(cls, rows: NDArray[np.int64]) -> Pairs:
        """Return the pairs of rows of (visitor, item, …)."""
        return cls(visitor=rows[:, 0], item=rows[:, 1])

    @cached_property
    def by_visitor(self) -> dict[int, tuple[str, ...]]:
        found: dict[int, list[str]] = {}
        for visitor, item in zip(self.visitor.tolist(), self.item.tolist(), strict=True):
            found.setdefault(visitor, []).append(str(item))
        return {visitor: tuple(items) for visitor, items in found.items()}

    def dataset(self, *, kind: str) -> Dataset:
        """Return them as interactions of one instant."""
        numbers, items = np.unique(self.item, return_inverse=True)
        n = len(self.item)
        rows = Interactions(
            visitor=self.visitor.astype(np.int32),
            visit=self.visitor.astype(np.int32),
            item=items.astype(np.int32),
            kind=np.zeros(n, np.int32),
            amount=np.full(n, np.nan, np.float32),
            at=np.zeros(n, np.int64),
            items=tuple(str(number) for number in numbers.tolist()),
            kinds=(kind,),
        )
        return Dataset(interactions=rows, until=1)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Means over all visitors that something is asked about."""

    ndcg10: float
    recall20: float
    hit10: float
    coverage10: float
    gini10: float

    @property
    def said(self) -> str:
        return (
            f"recall@20 {self.recall20:.4f}, hit rate@10 {self.hit10:.3f}, "
            f"coverage@10 {self.coverage10:.3f}, Gini {self.gini10:.3f}"
        )


def measured(
    model: Recommender[Any],
    train: Pairs,
    test: Pairs,
    *,
    masked: Pairs | None = None,
    history: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda items: items,
) -> Measured:
    """Rank for each visitor of `test` what they have neither in `train` nor in `masked`.

    `history` says what of their items in `train` the model is told; the others are no
    candidates either.
    """
    number = {key: index for index, key in enumerate(model.items)}
    sums = np.zeros(3)
    lists = []
    for visitor, wanted in test.by_visitor.items():
        had = train.by_visitor.get(visitor, ())
        hidden = masked.by_visitor.get(visitor, ()) if masked is not None else ()
        scores = model.score(_history(history(had)))
        scores[[number[item] for item in (*had, *hidden) if item in number]] = -np.inf
        ranked = top(scores, _N)
        # An item that nobody had in training is right all the same, and never found.
        relevant = np.array([number.get(item, -1 - n) for n, item in enumerate(wanted)], np.int32)
        sums += (
            ndcg(ranked, relevant=relevant, n=10),
            recall(ranked, relevant=relevant, n=20),
            hit_rate(ranked, relevant=relevant, n=10),
        )
        lists.append(ranked[:10])
    n_items = len(model.items)
    means = sums / len(lists)
    return Measured(
        ndcg10=float(means[0]),
        recall20=float(means[1]),
        hit10=float(means[2]),
        coverage10=coverage(lists, n_items=n_items),
        gini10=gini(lists, n_items=n_items),
    )


def _history(items: tuple[str, ...]) -> History:
    earlier = len(items) - _IN_VISIT
    steps = (Step(item=item, at=0, in_visit=n >= earlier) for n, item in enumerate(items))
    return History(steps=tuple(steps), now=1)
