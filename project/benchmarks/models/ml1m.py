"""MovieLens 1M: who rated what, ranked among all that they had not rated.

Protocol A: the published fold 1 is the test, the other four are learned from, and every rating
counts as liking. Protocol B, of RecBole-GNN: ratings of 3 and more, of each visitor's 8 of 10
at random learned from, 1 masked, and 1 asked about.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalization.ml.base import Options, Recommender
from personalization.ml.recommenders.ease import Ease
from personalization.ml.recommenders.ials import Ials, IalsConfig
from personalization.ml.recommenders.item_knn import ItemKnn
from personalization.ml.recommenders.matrix import binary_matrix
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.recommenders.rp3beta import Rp3Beta
from personalization.ml.recommenders.svd import Svd
from personalization.ml.recommenders.user_knn import UserKnn
from personalization.ml.threads import one_thread
from project.benchmarks.models.data import data
from project.benchmarks.models.ranked import Pairs, measured
from project.benchmarks.models.rows import Row, protocols
from project.benchmarks.results import Effort

_FOLDS = tuple(f"ml1m/test_1m{n}.dat" for n in range(1, 6))
_LIKED = 3
_RAW = "implicit, raw, in the same run"


@protocols.register("ml1m")
def measure(effort: Effort) -> Iterator[Row]:
    ratings = [np.loadtxt(data(name), np.int64, delimiter=",") for name in _FOLDS]
    everything = np.concatenate(ratings)
    with one_thread():
        yield from _protocol_a(learned=np.concatenate(ratings[1:]), asked=ratings[0])
        yield from _als_seconds(np.concatenate(ratings[1:]), rounds=min(effort.rounds, 3))
        yield from _protocol_b(everything[everything[:, 2] >= _LIKED])


def _protocol_a(*, learned: NDArray[np.int64], asked: NDArray[np.int64]) -> Iterator[Row]:
    train, test = Pairs.of(learned), Pairs.of(asked)
    dataset = train.dataset(kind="Rated")
    popular = measured(Popularity().fit(dataset, Options()), train, test)
    ease = measured(Ease().fit(dataset, Options()), train, test)
    yield Row(
        name="ml1m_ndcg10_defaults",
        value=ease.ndcg10,
        unit="NDCG@10",
        reference=0.4369,
        published=0.391,
        published_by="implicit's ALS as shipped",
        goal=0.430,
        popularity=popular.ndcg10,
        note=f"EASE; {ease.said}; of popularity {popular.said}",
    )
    others: tuple[tuple[Recommender[Any], float], ...] = (
        (Ials(IalsConfig(backend="own")), 0.4297),
        (Svd(), 0.4071),
        (UserKnn(), 0.3875),
        (ItemKnn(), 0.3517),
        (Rp3Beta(), 0.3142),
    )
    for model, reference in others:
        found = measured(model.fit(dataset, Options()), train, test)
        yield Row(
            name=f"ml1m_{model.algorithm}_ndcg10",
            value=found.ndcg10,
            unit="NDCG@10",
            reference=reference,
            popularity=popular.ndcg10,
            note=found.said,
        )


def _als_seconds(learned: NDArray[np.int64], *, rounds: int) -> Iterator[Row]:
    """Yield how much longer factors take than those of the library; the best of `rounds`."""
    if find_spec("implicit") is None:
        return
    from scipy.sparse import csr_matrix

    dataset = Pairs.of(learned).dataset(kind="Rated")
    matrix = csr_matrix(binary_matrix(dataset.interactions).sparse())
    times: dict[str, list[float]] = {"raw": [], "own": [], "implicit": []}
    for _ in range(max(rounds, 1)):
        times["raw"].append(_seconds_of_library(matrix))
        for backend in ("own", "implicit"):
            started = time.perf_counter()
            Ials(IalsConfig(backend=backend)).fit(dataset, Options())
            times[backend].append(time.perf_counter() - started)
    raw = min(times["raw"])
    for backend, name, goal in (
        ("own", "ml1m_als_seconds_over_implicit", 9.0),
        ("implicit", "ml1m_als_extra_seconds_over_implicit", 1.5),
    ):
        taken = min(times[backend])
        yield Row(
            name=name,
            value=taken / raw,
            unit="times as long",
            floor=f"{_RAW}: {raw:.2f} s",
            ratio=taken / raw,
            goal=goal,
            less_is_better=True,
            reference=10.3 / 1.34 if backend == "own" else None,
            note=f"64 factors, 15 iterations, {taken:.2f} s with the turning into a matrix",
        )


def _seconds_of_library(matrix: object) -> float:
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=64, regularization=40, alpha=2, iterations=15, random_state=0
    )
    started = time.perf_counter()
    model.fit(matrix, show_progress=False)
    return time.perf_counter() - started


def _protocol_b(liked: NDArray[np.int64]) -> Iterator[Row]:
    parts = _eight_one_one(liked, rng=np.random.default_rng(0))
    train, masked, test = (Pairs.of(liked[parts == part]) for part in (0, 1, 2))
    dataset = train.dataset(kind="Rated")
    scores: dict[str, float] = {}
    models: tuple[Recommender[Any], ...] = (Popularity(), Ease())
    for model in models:
        fitted = model.fit(dataset, Options())
        scores[model.algorithm] = measured(fitted, train, test, masked=masked).ndcg10
    yield Row(
        name="ml1m_recbole_ndcg10",
        value=scores["ease"],
        unit="NDCG@10",
        reference=0.2888,
        published=0.2750,
        published_by="XSimGCL, RecBole-GNN",
        goal=0.285,
        popularity=scores["popularity"],
        note="EASE",
    )


def _eight_one_one(ratings: NDArray[np.int64], *, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return 0, 1 or 2 for each rating: of every visitor's, 8, 1 and 1 of 10 at random."""
    shuffled = rng.permutation(len(ratings))
    order = shuffled[np.argsort(ratings[shuffled, 0], kind="stable")]
    visitors = ratings[order, 0]
    starts = np.flatnonzero(np.concatenate(([True], visitors[1:] != visitors[:-1])))
    lengths = np.diff(np.concatenate((starts, [len(order)])))
    place = np.arange(len(order)) - np.repeat(starts, lengths)
    each = np.repeat(lengths // 10, lengths)
    parts = np.zeros(len(order), np.int64)
    parts[place < 2 * each] = 1
    parts[place < each] = 2
    unsorted = np.empty_like(parts)
    unsorted[order] = parts
    return unsorted
