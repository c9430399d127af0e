"""Rows to learn from and rows to be judged by, several times over.

By time unless something else is said: whatever shuffles rows tells of tomorrow, and a model
that was chosen by it disappoints from the first day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from personalization.ml.arrays import Doubles, Flags, Instants
from personalization.ml.unfit import TooLittleData
from personalization.types import Microseconds

_DAY: Microseconds = 86_400_000_000


class TooShort(TooLittleData):
    """The rows lie too close together in time for any of them to be judged by others."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Which rows are learned from, and which are judged by; the others are in neither."""

    train: Flags
    test: Flags


def in_time(at: Instants, *, n: int, gap: Microseconds = 0, first: float = 0.4) -> list[Fold]:
    """Return `n` folds of rows at the instants `at`, which are in order.

    The earliest `first` of the rows are only learned from, the others are judged in `n` parts
    of about as many, each by what is at least `gap` earlier: `gap` is how long it takes until
    a label is known. Rows of one instant stay together, so there may be fewer folds.

    :raises TooShort: if no row has another that is early enough.
    """
    folds = []
    last = int(at[0]) if len(at) else 0
    for begin, end in _parts(at, n=n, first=first):
        last = begin
        train = at <= begin - gap if gap else at < begin
        if train.any():
            folds.append(Fold(train=train, test=(at >= begin) & (at < end)))
    if not folds:
        raise TooShort(_too_short(at, last=last, gap=gap))
    return folds


def latest(at: Instants, *, share: float, gap: Microseconds = 0) -> Fold:
    """Return one fold that is judged by the latest `share` of rows.

    :raises TooShort: if no row has another that is early enough.
    """
    return in_time(at, n=1, gap=gap, first=1 - share)[0]


def stratified(labels: Doubles, *, n: int, rng: np.random.Generator) -> list[Fold]:
    """Return `n` folds of rows in random order, each with its share of converters.

    As published comparisons have it; no choice of the product depends on it.

    :raises TooLittleData: if there are fewer than `n` of either kind.
    """
    number = np.empty(len(labels), np.int32)
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        if len(rows) < n:
            raise TooLittleData(f"{n} folds need {n} rows of each label; {len(rows)} have {label}.")
        number[rng.permutation(rows)] = np.arange(len(rows)) % n
    return [Fold(train=number != fold, test=number == fold) for fold in range(n)]


def _too_short(at: Instants, *, last: Microseconds, gap: Microseconds) -> str:
    """Return what is needed and what there is, in a sentence; `last` is when the latest part
    begins."""
    if not gap:
        return f"{len(at)} rows at {len(np.unique(at))} instants are too few to validate by time."
    has = (last - int(at[0])) / _DAY if len(at) else 0.0
    return (
        f"needs {gap / _DAY:g} days from the earliest of {len(at)} rows to the latest part, which "
        f"is what it is judged by, has {has:.1f}"
    )


def _parts(at: Instants, *, n: int, first: float) -> Iterator[tuple[int, int]]:
    """Yield the first instant of each part, and the first that is later than it."""
    if not len(at):
        return
    wanted = np.linspace(first, 1, n + 1)[:-1] * len(at)
    begins = np.unique(at[np.minimum(np.round(wanted).astype(int), len(at) - 1)])
    # What is as early as the earliest row has nothing to be judged by.
    begins = begins[begins > at[0]]
    yield from pairwise([*begins.tolist(), int(at[-1]) + 1])
