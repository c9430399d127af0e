"""MovieLens 1M for the stack as shipped: whole histories, and those of a few films.

Whole ones are asked about as in protocol A (ml1m.py). Short ones are of every sixth visitor,
of whom nothing is learned: 1, 3, 5 or 10 of their films are told, and those of the test asked
about. Ratings come without times: visitors are taken to have come one after the other, in an
order by chance, as are the films of each; so the stack asks itself about those that came last.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from personalization.ml.base import Options
from personalization.ml.interactions import Dataset, Interactions
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.recommenders.stack import Stack
from personalization.ml.threads import one_thread
from project.benchmarks.models.data import data
from project.benchmarks.models.ranked import Pairs, measured
from project.benchmarks.models.rows import Row, protocols
from project.benchmarks.results import Effort

_FOLDS = tuple(f"ml1m/test_1m{n}.dat" for n in range(1, 6))
_SECOND, _MINUTE = 1_000_000, 60_000_000
_IN_VISIT = 10
_EVERY = 6
_TOLD = (1, 3, 5, 10)


@protocols.register("ml1m_stack")
def measure(effort: Effort) -> Iterator[Row]:
    asked, *others = (np.loadtxt(data(name), np.int64, delimiter=",") for name in _FOLDS)
    learned = np.concatenate(others)
    with one_thread():
        yield _whole(learned, asked)
        yield _short(learned, asked)


def _whole(learned: NDArray[np.int64], asked: NDArray[np.int64]) -> Row:
    train, test = Pairs.of(learned), Pairs.of(asked)
    stack = Stack().fit(in_turn(learned), Options())
    popular = Popularity().fit(train.dataset(kind="Rated"), Options())
    found = measured(stack, train, test)
    return Row(
        name="ml1m_ndcg10_stack",
        value=found.ndcg10,
        unit="NDCG@10",
        published=0.391,
        published_by="implicit's ALS as shipped",
        goal=0.437,
        popularity=measured(popular, train, test).ndcg10,
        note=found.said,
    )


def _short(learned: NDArray[np.int64], asked: NDArray[np.int64]) -> Row:
    """Return whether a short history ever gets less than popularity would give it."""
    unseen = learned[:, 0] % _EVERY == 0
    rows = learned[~unseen]
    stack = Stack().fit(in_turn(rows), Options())
    # All at one instant, so that nothing fades: the strongest that popularity is here.
    popular = Popularity().fit(Pairs.of(rows).dataset(kind="Rated"), Options())
    test = Pairs.of(asked[asked[:, 0] % _EVERY == 0])
    said, never = [], True
    for n in _TOLD:
        told = Pairs.of(_some(learned[unseen], n=n))
        ours, floor = (measured(model, told, test).ndcg10 for model in (stack, popular))
        said.append(f"{n}: {ours:.3f} (popularity {floor:.3f})")
        never = never and ours >= floor
    return Row(
        name="never_below_popularity",
        value=float(never),
        unit="1 if so for each length",
        goal=1,
        note=f"NDCG@10 by films told: {', '.join(said)}",
    )


def _some(rows: NDArray[np.int64], *, n: int) -> NDArray[np.int64]:
    """Return `n` rows of each visitor, chosen at random, the same for every model."""
    shuffled = rows[np.random.default_rng(0).permutation(len(rows))]
    ordered = shuffled[np.argsort(shuffled[:, 0], kind="stable")]
    return ordered[_places(ordered[:, 0]) < n]


def in_turn(ratings: NDArray[np.int64]) -> Dataset:
    """Return ratings as of visitors who come one a minute, and rate a film each second."""
    rng = np.random.default_rng(0)
    numbers, visitor = np.unique(ratings[:, 0], return_inverse=True)
    turn = rng.permutation(len(numbers))[visitor]
    order = np.lexsort((rng.random(len(ratings)), turn))
    turn, ratings = turn[order], ratings[order]
    place = _places(turn)
    at = turn.astype(np.int64) * _MINUTE + place * _SECOND
    later = np.argsort(at, kind="stable")
    films, item = np.unique(ratings[:, 1], return_inverse=True)
    visit = np.unique(turn.astype(np.int64) * len(films) + place // _IN_VISIT, return_inverse=True)
    rows = Interactions(
        visitor=turn[later].astype(np.int32),
        visit=visit[1][later].astype(np.int32),
        item=item[later].astype(np.int32),
        kind=np.zeros(len(item), np.int32),
        amount=np.full(len(item), np.nan, np.float32),
        at=at[later],
        items=tuple(str(film) for film in films.tolist()),
        kinds=("Rated",),
    )
    return Dataset(interactions=rows, until=int(at.max()) + 1)


def _places(ordered: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each row how many there are before it of the same visitor."""
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    lengths = np.diff(starts, append=len(ordered))
    return np.arange(len(ordered)) - np.repeat(starts, lengths)
