"""What engines say to histories whose next step is known, and how good lists of it would be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Flags, Floats, Indices

#: A list is judged by so many places.
N = 20
#: The best of each engine that may come into a list at all.
_CANDIDATES = 100


@dataclass(frozen=True, kw_only=True)
class Table:
    """Scores of the candidates of all questions: question q has the rows
    `starts[q]:starts[q + 1]` of `scores` (rows × engines), of which `targets[q]` is the right
    one. `buckets` says how long its history is (blend.LENGTHS), `found` whether the right one
    would be a candidate if it were another. Questions about one history stand one after the
    other and have one number in `histories`: it counts once."""

    scores: Floats
    starts: NDArray[np.int64]
    targets: NDArray[np.int64]
    buckets: Indices
    found: Flags
    histories: Indices

    def __len__(self) -> int:
        return len(self.targets)

    def of(self, *buckets: int) -> Table:
        """Return the questions with histories of some lengths."""
        return self._where(np.isin(self.buckets, buckets))

    def informative(self) -> Table:
        """Return the questions whose right one is a candidate by what engines say.

        Where it was only put beside the best ones, it is below them for that reason alone, and
        says nothing of how far to trust an engine.
        """
        return self._where(self.found)

    def _where(self, chosen: Flags) -> Table:
        lengths = np.diff(self.starts)
        starts = np.concatenate(([0], np.cumsum(lengths[chosen])))
        return Table(
            scores=self.scores[np.repeat(chosen, lengths)],
            starts=starts,
            targets=(self.targets - self.starts[:-1])[chosen] + starts[:-1],
            buckets=self.buckets[chosen],
            found=self.found[chosen],
            histories=self.histories[chosen],
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
        """Return the mean NDCG of the first 20 over histories; with one right item, 1 /
        log2(1 + rank)."""
        return float(self.gains(weights).mean()) if len(self) else 0.0

    def gains(self, weights: Floats) -> Doubles:
        """Return the gain of each history: the mean of those of its questions."""
        ranks = self.ranks(weights)
        gains: Doubles = np.where(ranks <= N, 1 / np.log2(1 + ranks), 0)
        begins = self._begins()
        if len(begins) < len(gains):
            gains = np.add.reduceat(gains, begins) / np.diff(np.append(begins, len(gains)))
        return gains

    def _begins(self) -> NDArray[np.int64]:
        """Return the first question of each history."""
        return np.flatnonzero(np.diff(self.histories, prepend=-1))

    def quality_by_length(self, weights: Floats) -> float:
        """Return the same with the weights of each length of history (lengths × engines)."""
        parts = [self.of(bucket) for bucket in range(len(weights))]
        gains = [part.gains(row) for part, row in zip(parts, weights, strict=True) if len(part)]
        return float(np.concatenate(gains).mean()) if gains else 0.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """What engines say (engines × items) to one history, and which item came next."""

    scores: Floats
    target: int
    bucket: int
    #: Items that are no candidates.
    left_out: Indices
    #: Number of the history, which questions that follow each other may share.
    history: int


def table_of(questions: Iterable[Question]) -> Table:
    """Return the table of `questions`; only the candidates of each are kept."""
    rows, targets, lengths, buckets, found, histories = [], [], [], [], [], []
    for question in questions:
        candidates, is_found = _candidates(question)
        found.append(is_found)
        histories.append(question.history)
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
        found=np.array(found, np.bool_),
        histories=np.array(histories, np.int32),
    )


def _candidates(question: Question) -> tuple[NDArray[np.int64], bool]:
    """Return the candidates, and whether the right one is among the best that engines name."""
    scores = question.scores.copy()
    scores[:, question.left_out] = -np.inf
    n = min(_CANDIDATES, scores.shape[1])
    best = np.argpartition(scores, scores.shape[1] - n, axis=1)[:, -n:]
    # An engine that does not know an item says 0 of it, as of all the others.
    said = question.scores[:, question.target]
    is_named = (best == question.target).any(axis=1) & (said > 0)
    there = np.unique(np.append(best, question.target))
    left_out = np.isin(there, question.left_out) & (there != question.target)
    candidates: NDArray[np.int64] = there[~left_out]
    return candidates, bool(is_named.any())
