"""What came next after many histories, and how high a model had it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from personalization.ml.base import Recommender
from personalization.ml.evaluation.ranking_metrics import coverage, gini, mid_rank
from personalization.ml.history import History
from personalization.ml.ranking import top

_N = 20
#: Whole lists are made for so many questions at most, evenly chosen: they tell coverage.
_LISTS = 2_000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A history, and the key of the item that came next."""

    history: History
    target: str
    #: Whether nobody had seen that item when the model learned.
    cold: bool = False


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Means over all that was asked."""

    hit20: float
    mrr20: float
    #: Of those whose target nobody had seen; NaN if there are none.
    cold_hit20: float
    n: int
    n_cold: int
    coverage20: float
    gini20: float
    p50_ms: float
    p99_ms: float

    @property
    def said(self) -> str:
        return (
            f"{self.n} questions, coverage@20 {self.coverage20:.3f}, Gini {self.gini20:.3f}, "
            f"a score p50 {self.p50_ms:.2f} ms, p99 {self.p99_ms:.2f} ms"
        )


def measured(
    model: Recommender[Any], asked: Sequence[Asked], *, known_left_out: bool = False
) -> Measured:
    """Ask a model; equal scores share the middle of their ranks.

    :param known_left_out: the items of a history are no candidates.
    """
    number = {key: index for index, key in enumerate(model.items)}
    ranks, cold, took, lists = [], [], [], []
    every = max(len(asked) // _LISTS, 1)
    for place, each in enumerate(asked):
        started = time.perf_counter()
        scores = model.score(each.history)
        took.append(time.perf_counter() - started)
        if known_left_out:
            scores[[number[key] for key in each.history.items if key in number]] = -np.inf
        target = number.get(each.target)
        ranks.append(mid_rank(scores, target=target) if target is not None else np.inf)
        cold.append(each.cold)
        if place % every == 0:
            lists.append(top(scores, _N))
    return _means(np.array(ranks), np.array(cold), 1000 * np.array(took), lists, n=len(number))


def _means(ranks: Any, cold: Any, took: Any, lists: list[Any], *, n: int) -> Measured:
    hits = ranks <= _N
    return Measured(
        hit20=float(hits.mean()),
        mrr20=float(np.where(hits, 1 / ranks, 0).mean()),
        cold_hit20=float(hits[cold].mean()) if cold.any() else float("nan"),
        n=len(ranks),
        n_cold=int(cold.sum()),
        coverage20=coverage(lists, n_items=n),
        gini20=gini(lists, n_items=n),
        p50_ms=float(np.percentile(took, 50)),
        p99_ms=float(np.percentile(took, 99)),
    )
