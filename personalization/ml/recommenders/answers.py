"""What engines say to histories whose next steps are known, and how good lists of it would be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Flags, Floats, Indices

#: A list is judged by so many places.
N = 20
#: The best of each engine that may come into a list at all.
_CANDIDATES = 100
#: DCG of the best list there can be with 1, 2, … right answers.
_BEST = np.cumsum(1 / np.log2(np.arange(2, N + 2)))
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Scores of the candidates of all questions: question q has the rows
    `starts[q]:starts[q + 1]` of `scores` (rows × engines). `right` says which rows are right
    answers, `named` which would be candidates if they were none. `n_right` has how many right
    answers each question has, `buckets` how long its history is (blend.LENGTHS)."""

    scores: Floats
    starts: NDArray[np.int64]
    right: Flags
    named: Flags
    n_right: Indices
    buckets: Indices

    def __len__(self) -> int:
        return len(self.n_right)

    def of(self, *buckets: int) -> Table:
        """Return the questions with histories of some lengths."""
        return self._where(np.isin(self.buckets, buckets))

    def informative(self) -> Table:
        """Return the questions that have a right answer which is a candidate by what engines
        say, with these answers alone.

        Where it was only put beside the best ones, it is below them for that reason alone, and
        says nothing of how far to trust an engine.
        """
        kept = replace(self, right=self.right & self.named)
        if not len(self):
            return kept
        return kept._where(np.logical_or.reduceat(kept.right, self.starts[:-1]))

    def _where(self, chosen: Flags) -> Table:
        lengths = np.diff(self.starts)
        rows = np.repeat(chosen, lengths)
        return Table(
            scores=self.scores[rows],
            starts=np.concatenate(([0], np.cumsum(lengths[chosen]))),
            right=self.right[rows],
            named=self.named[rows],
            n_right=self.n_right[chosen],
            buckets=self.buckets[chosen],
        )

    def ranks(self, weights: Floats) -> Doubles:
        """Return the rank of each right answer with `weights` (one for each engine), in the
        order of rows; equal scores share the middle of their ranks."""
        summed = (self.scores @ weights).astype(np.float64)
        # One ascending order of all rows: questions one after the other, the best first in each.
        apart = 2 * np.abs(summed).max(initial=0) + 1
        keys = np.repeat(np.arange(len(self)), np.diff(self.starts)) * apart - summed
        order = np.sort(keys)
        first, after = (np.searchsorted(order, keys[self.right], side) for side in _SIDES)
        ranks: Doubles = (first + after + 1) / 2 - self.starts[self._questions()]
        return ranks

    def _questions(self) -> NDArray[np.int64]:
        """Return the question of each right answer."""
        return np.searchsorted(self.starts, np.flatnonzero(self.right), side="right") - 1

    def quality(self, weights: Floats) -> float:
        """Return the mean NDCG of the first 20 over questions; with one right item, 1 /
        log2(1 + rank)."""
        return float(self.gains(weights).mean()) if len(self) else 0.0

    def gains(self, weights: Floats) -> Doubles:
        """Return the NDCG of each question, all its right answers together."""
        ranks = self.ranks(weights)
        found = np.where(ranks <= N, 1 / np.log2(1 + ranks), 0)
        sums = np.bincount(self._questions(), weights=found, minlength=len(self))
        gains: Doubles = sums / _BEST[np.minimum(self.n_right, N) - 1]
        return gains

    def quality_by_length(self, weights: Floats) -> float:
        """Return the same with the weights of each length of history (lengths × engines)."""
        parts = [self.of(bucket) for bucket in range(len(weights))]
        gains = [part.gains(row) for part, row in zip(parts, weights, strict=True) if len(part)]
        return float(np.concatenate(gains).mean()) if gains else 0.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """What engines say (engines × items) to one history, and which items came next."""

    scores: Floats
    #: Each once, at least one.
    targets: Indices
    bucket: int
    #: Items that are no candidates, unless they are asked for.
    left_out: Indices


def table_of(questions: Iterable[Question]) -> Table:
    """Return the table of `questions`; only the candidates of each are kept."""
    rows, right, named, lengths, n_right, buckets = [], [], [], [], [], []
    for question in questions:
        candidates, are_named = _candidates(question)
        rows.append(question.scores[:, candidates].T)
        right.append(np.isin(candidates, question.targets))
        named.append(are_named)
        lengths.append(len(candidates))
        n_right.append(len(question.targets))
        buckets.append(question.bucket)
    return Table(
        scores=np.concatenate(rows) if rows else np.empty((0, 0), np.float32),
        starts=np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))),
        right=np.concatenate(right) if rows else np.empty(0, np.bool_),
        named=np.concatenate(named) if rows else np.empty(0, np.bool_),
        n_right=np.array(n_right, np.int32),
        buckets=np.array(buckets, np.int32),
    )


def _candidates(question: Question) -> tuple[NDArray[np.int64], Flags]:
    """Return the candidates, in the order of their numbers, and which of them engines name
    among their best."""
    scores = question.scores.copy()
    scores[:, question.left_out] = -np.inf
    n = min(_CANDIDATES, scores.shape[1])
    best = np.argpartition(scores, scores.shape[1] - n, axis=1)[:, -n:]
    there: NDArray[np.int64] = np.union1d(best, question.targets)
    left_out = np.setdiff1d(question.left_out, question.targets)
    there = there[~np.isin(there, left_out)]
    # An engine that does not know an item says 0 of it, as of all the others.
    said = np.take_along_axis(question.scores, best, axis=1) > 0
    return there, np.isin(there, best[said])
