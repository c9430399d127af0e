"""The stack as shipped on MovieLens 1M, and what it says to whoever we hardly know.

Protocol A, as ml1m.py has it. Then a sixth of the visitors are not learned from, and each is
asked about with the first 1, 2, 3, … of what they rated, in random order: what they rated in
the fold that is tested is right. The stack must not be below popularity at any length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from personalization.ml.base import Options
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.recommenders.stack import Stack
from personalization.ml.threads import one_thread
from project.benchmarks.models.data import data
from project.benchmarks.models.ranked import Pairs, measured
from project.benchmarks.models.rows import Row, protocols
from project.benchmarks.results import Effort

_FOLDS = tuple(f"ml1m/test_1m{n}.dat" for n in range(1, 6))
_KIND = "Rated"
#: Every so many-th visitor is not learned from.
_UNSEEN = 6
_LENGTHS = (1, 2, 3, 5, 10, 20, 50)


@protocols.register("stacked")
def measure(effort: Effort) -> Iterator[Row]:
    ratings = [np.loadtxt(data(name), np.int64, delimiter=",") for name in _FOLDS]
    asked, learned = ratings[0], np.concatenate(ratings[1:])
    with one_thread():
        yield _protocol_a(learned=learned, asked=asked)
        yield from _short_histories(learned=learned, asked=asked)


def _protocol_a(*, learned: NDArray[np.int64], asked: NDArray[np.int64]) -> Row:
    train, test = Pairs.of(learned), Pairs.of(asked)
    dataset = train.dataset(kind=_KIND)
    stack = Stack().fit(dataset, Options())
    ours = measured(stack, train, test)
    popular = measured(Popularity().fit(dataset, Options()), train, test)
    chosen = ", ".join(
        f"{name} {weights[-1]:.2f}" for name, weights in stack.weights.items() if weights[-1]
    )
    return Row(
        name="ml1m_ndcg10_stack",
        value=ours.ndcg10,
        unit="NDCG@10",
        reference=0.4369,
        published=0.391,
        published_by="implicit's ALS as shipped",
        goal=0.437,
        popularity=popular.ndcg10,
        note=f"{ours.said}; weights of long histories: {chosen}",
    )


def _short_histories(*, learned: NDArray[np.int64], asked: NDArray[np.int64]) -> Iterator[Row]:
    unseen = asked[asked[:, 0] % _UNSEEN == 0]
    train = Pairs.of(learned[learned[:, 0] % _UNSEEN != 0])
    theirs = np.random.default_rng(0).permutation(learned[learned[:, 0] % _UNSEEN == 0])
    dataset = train.dataset(kind=_KIND)
    models = (Stack().fit(dataset, Options()), Popularity().fit(dataset, Options()))
    below = []
    for n in _LENGTHS:
        ours, popular = (
            measured(model, Pairs.of(theirs), Pairs.of(unseen), history=_first(n)).ndcg10
            for model in models
        )
        below.append(ours < popular)
        yield Row(
            name=f"ndcg10_of_{n}_known",
            value=ours,
            unit="NDCG@10",
            popularity=popular,
            note="visitors who were not learned from",
        )
    yield Row(
        name="never_below_popularity",
        value=float(not any(below)),
        unit="1 if so",
        goal=1,
        popularity=1.0,
        note=f"with {', '.join(map(str, _LENGTHS))} known items",
    )


def _first(n: int) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    return lambda items: items[:n]
