"""Which weights engines get: those that would have been best for what came next of late."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Flags, Floats, Indices
from personalization.ml.recommenders.blend import LENGTHS

#: A list is judged by so many places.
N = 20
#: The best of each engine that may come into a list at all.
_CANDIDATES = 100
#: Questions that are needed to choose by.
ENOUGH = 30
#: What is tried: shares of the best engine, and of popularity beside all others.
_SHARES = (0.1, 0.25, 0.5, 1.0, 2.0)
_OF_POPULARITY = (0.0, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
#: Popularity beside which nothing else counts.
_ALONE = math.inf
#: Evaluations that a search may take.
MOST = 50


@dataclass(frozen=True, kw_only=True)
class Table:
    """Scores of the candidates of all questions: question q has the rows
    `starts[q]:starts[q + 1]` of `scores` (rows × engines), of which `targets[q]` is the right
    one. `buckets` says how long its history is (blend.LENGTHS)."""

    scores: Floats
    starts: NDArray[np.int64]
    targets: NDArray[np.int64]
    buckets: Indices

    def __len__(self) -> int:
        return len(self.targets)

    def of(self, bucket: int) -> Table:
        """Return the questions with histories of one length."""
        chosen: Flags = self.buckets == bucket
        lengths = np.diff(self.starts)
        starts = np.concatenate(([0], np.cumsum(lengths[chosen])))
        return Table(
            scores=self.scores[np.repeat(chosen, lengths)],
            starts=starts,
            targets=(self.targets - self.starts[:-1])[chosen] + starts[:-1],
            buckets=self.buckets[chosen],
        )

    def ranks(self, weights: Floats) -> Doubles:
        """Return the rank of each right one with `weights` (one for each engine); equal scores
        share the middle of their ranks."""
        summed = self.scores @ weights
        own = np.repeat(summed[self.targets], np.diff(self.starts))
        worse = (summed > own) + 0.5 * (summed == own)
        ranks: Doubles = np.add.reduceat(worse, self.starts[:-1]) + 0.5
        return ranks

    def quality(self, weights: Floats) -> float:
        """Return the mean NDCG of the first 20; with one right item, 1 / log2(1 + rank)."""
        ranks = self.ranks(weights)
        gains = np.where(ranks <= N, 1 / np.log2(1 + ranks), 0)
        return float(gains.mean()) if len(gains) else 0.0

    def quality_by_length(self, weights: Floats) -> float:
        """Return the same with the weights of each length of history (lengths × engines)."""
        parts = [self.of(bucket) for bucket in range(len(weights))]
        sums = [part.quality(row) * len(part) for part, row in zip(parts, weights, strict=True)]
        return sum(sums) / len(self) if len(self) else 0.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """What engines say (engines × items) to one history, and which item came next."""

    scores: Floats
    target: int
    bucket: int
    #: Items that are no candidates.
    left_out: Indices


def table_of(questions: Iterable[Question]) -> Table:
    """Return the table of `questions`; only the candidates of each are kept."""
    rows, targets, lengths, buckets = [], [], [], []
    for question in questions:
        candidates = _candidates(question)
        rows.append(question.scores[:, candidates].T)
        targets.append(int(np.searchsorted(candidates, question.target)))
        lengths.append(len(candidates))
        buckets.append(question.bucket)
    starts = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    return Table(
        scores=np.concatenate(rows) if rows else np.empty((0, 0), np.float32),
        starts=starts,
        targets=np.array(targets, np.int64) + starts[:-1],
        buckets=np.array(buckets, np.int32),
    )


def searched(table: Table, *, popularity: int) -> Floats:
    """Return weights for each length of history (lengths × engines), found by trying.

    `popularity` is the column that is popularity. It is tried alone, too, so what is returned
    is at no length worse for these questions; and its weight falls with length.
    """
    weights = _by_turns(table, popularity=popularity)
    rows = np.tile(weights, (len(LENGTHS), 1))
    least = 0.0
    for bucket in reversed(range(len(LENGTHS))):
        part = table.of(bucket)
        tried = {
            share: _beside(weights, popularity, share)
            for share in (*_OF_POPULARITY, _ALONE)
            if share >= least
        }
        if len(part) >= ENOUGH:
            quality = {share: part.quality(row) for share, row in tried.items()}
            least = max(quality, key=lambda share: quality[share])
        rows[bucket] = tried[least]
    return rows


def shipped(n_engines: int, *, popularity: int) -> Floats:
    """Return the weights where there is too little to choose by: all engines alike, and of
    popularity the less the more is known."""
    rows = np.ones((len(LENGTHS), n_engines), np.float32)
    rows[:, popularity] = (1.0, 0.5, 0.25, 0.1, 0.05, 0.05)
    return rows


def _by_turns(table: Table, *, popularity: int) -> Floats:
    """Return weights without popularity: the best engine first, then each other as it helps."""
    n_engines = table.scores.shape[1]
    others = [column for column in range(n_engines) if column != popularity]
    judge = _Judge(table.quality)
    weights = np.zeros(n_engines, np.float32)
    if not others:
        return weights
    alone = {column: judge(_with(weights, column, 1.0)) for column in others}
    order = sorted(others, key=lambda column: -alone[column])
    weights[order[0]] = 1.0
    best = alone[order[0]]
    for turn in range(2):
        for column in order[1 - turn :]:
            for share in _SHARES if not turn else _near(float(weights[column])):
                tried = _with(weights, column, share)
                if judge.left and (quality := judge(tried)) > best:
                    best, weights = quality, tried
    return weights


class _Judge:
    """Counts what it is asked."""

    def __init__(self, quality: Callable[[Floats], float]) -> None:
        self._quality = quality
        self.left = MOST

    def __call__(self, weights: Floats) -> float:
        self.left -= 1
        return self._quality(weights)


def _near(weight: float) -> tuple[float, ...]:
    return (0.0, weight * 0.6, weight * 1.5) if weight else (0.05,)


def _with(weights: Floats, column: int, weight: float) -> Floats:
    changed = weights.copy()
    changed[column] = weight
    return changed


def _beside(weights: Floats, popularity: int, share: float) -> Floats:
    if share < _ALONE:
        return _with(weights, popularity, share)
    return _with(np.zeros_like(weights), popularity, 1.0)


def _candidates(question: Question) -> NDArray[np.int64]:
    scores = question.scores.copy()
    scores[:, question.left_out] = -np.inf
    n = min(_CANDIDATES, scores.shape[1])
    best = np.argpartition(scores, scores.shape[1] - n, axis=1)[:, -n:]
    there = np.unique(np.append(best, question.target))
    left_out = np.isin(there, question.left_out) & (there != question.target)
    candidates: NDArray[np.int64] = there[~left_out]
    return candidates
