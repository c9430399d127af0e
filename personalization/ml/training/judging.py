"""How well recommenders would have done with what came next: all on the very same questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from personalization.ml.arrays import Doubles, Floats, Indices
from personalization.ml.base import Recommender
from personalization.ml.evaluation.ranking_metrics import coverage, mid_rank
from personalization.ml.ranking import top
from personalization.ml.recommenders.questions import Asked

#: Length of a list.
N = 20


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Means over questions, from 0 to 1. Most have one right answer."""

    #: 1 / log2(1 + rank) within the first 20, as in Järvelin and Kekäläinen (2002); of several
    #: right answers the sum, over the most it could be.
    ndcg: float
    #: Share of the questions of which a right answer was among the first 20.
    hit_rate: float
    #: 1 / rank within the first 20; of several right answers that of the first.
    mrr: float
    #: Share of the items that was in any list.
    coverage: float

    def figures(self, *, of: str = "") -> dict[str, float]:
        """Return the figures by name; `of` says whose, if they are not the model's own."""
        prefix = f"{of}." if of else ""
        named = {
            f"ndcg_{N}": self.ndcg,
            f"hr_{N}": self.hit_rate,
            f"mrr_{N}": self.mrr,
            "coverage": self.coverage,
        }
        return {prefix + name: value for name, value in named.items()}


def quality(model: Recommender[Any], questions: Sequence[Asked], *, repeats: bool) -> Quality:
    """Return how well a model answers `questions`, one at least.

    Of equal scores each has the middle of their ranks, so that luck gains nothing; an item that
    the model does not know is never found. Unless `repeats`, what is in a history is no answer.
    """
    number = {key: index for index, key in enumerate(model.items)}
    lists: list[Indices] = []
    gains, firsts = np.zeros(len(questions)), np.full(len(questions), np.inf)
    for place, question in enumerate(questions):
        scores = _scores(model, question, number, repeats=repeats)
        lists.append(top(scores, N))
        targets = [number[key] for key in question.targets if key in number]
        ranks = np.array([mid_rank(scores, target=target) for target in targets], np.float64)
        firsts[place] = ranks.min(initial=np.inf)
        best = np.arange(1, len(question.targets) + 1, dtype=np.float64)
        gains[place] = _gain(ranks) / _gain(best)
    found = firsts <= N
    return Quality(
        ndcg=float(gains.mean()),
        hit_rate=float(found.mean()),
        mrr=float(np.where(found, 1 / firsts, 0).mean()),
        coverage=coverage(lists, n_items=len(model.items)),
    )


def _gain(ranks: Doubles) -> float:
    return float((1 / np.log2(1 + ranks[ranks <= N])).sum())


def _scores(
    model: Recommender[Any], question: Asked, number: dict[str, int], *, repeats: bool
) -> Floats:
    scores = model.score(question.history).copy()
    if not repeats:
        seen = [number[key] for key in set(question.history.items) if key in number]
        scores[seen] = -np.inf
    return scores
