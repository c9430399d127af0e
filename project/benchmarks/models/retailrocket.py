"""Views, carts and purchases of a shop: what is weighing them worth?

A quarter of the pairs of visitor and item that were carted or bought is held out, with all that
the visitor did with the item; ten times, since three leave the gain uncertain by its own size.
Ranked are all items that the visitor has not left.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalization.ml.base import Options, Recommender
from personalization.ml.evaluation.ranking_metrics import ndcg
from personalization.ml.history import History, Step
from personalization.ml.interactions import Dataset, Interactions
from personalization.ml.ranking import top
from personalization.ml.recommenders.ials import Ials, IalsConfig
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.threads import one_thread
from project.benchmarks.models.data import data
from project.benchmarks.models.rows import Row, protocols
from project.benchmarks.results import Effort

#: What a line of each file is here: the event that a shop would send.
_FILES = (
    ("view_ecommerce.dat", "Product Viewed"),
    ("add_to_cart_ecommerce.dat", "Product Added"),
    ("purchase_ecommerce.dat", "Order Completed"),
)
_KINDS = tuple(kind for _, kind in _FILES)
_HELD_OUT = 0.25
_SEEDS = range(10)


@protocols.register("retailrocket")
def measure(effort: Effort) -> Iterator[Row]:
    rows = read()
    found = np.zeros((len(_SEEDS), 3))
    with one_thread():
        for seed in _SEEDS:
            learned, asked = split(rows, rng=np.random.default_rng(seed))
            alike = once(learned)
            several: tuple[tuple[Recommender[Any], NDArray[np.int64]], ...] = (
                (Popularity(), learned),
                (Ials(IalsConfig(backend="own")), alike),
                (Ials(IalsConfig(backend="own")), learned),
            )
            for column, (model, told) in enumerate(several):
                fitted = model.fit(dataset(told), Options(seed=seed))
                found[seed, column] = ndcg10(fitted, told, asked)
    popular, binary, weighted = found.mean(axis=0).tolist()
    error = float(np.std(found[:, 2] - found[:, 1], ddof=1)) / len(_SEEDS) ** 0.5 / binary
    yield Row(
        name="retailrocket_weight_gain",
        value=weighted / binary - 1,
        unit="more NDCG@10 of iALS by weights",
        floor=f"binary {binary:.4f}, popularity {popular:.4f}",
        ratio=weighted / binary,
        reference=0.1322 / 0.1164 - 1,
        goal=0.08,
        popularity=popular,
        note=f"{weighted:.4f} with weights as shipped; {len(_SEEDS)} splits, ± {error:.3f}",
    )
    yield Row(
        name="retailrocket_ndcg10",
        value=weighted,
        unit="NDCG@10",
        reference=0.1322,
        popularity=popular,
        note="with weights as shipped; the reference has 0.1164 without",
    )


def read() -> NDArray[np.int64]:
    """Return rows of (visitor, item, index of the kind)."""
    parts = []
    for kind, (name, _) in enumerate(_FILES):
        pairs = np.loadtxt(data(f"retailrocket_weights/{name}"), np.int64, skiprows=1)[:, :2]
        parts.append(np.column_stack((pairs, np.full(len(pairs), kind))))
    return np.concatenate(parts)


def once(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one view for each pair of visitor and item, whatever was done."""
    pairs = np.unique(rows[:, :2], axis=0)
    return np.column_stack((pairs, np.zeros(len(pairs), np.int64)))


def split(
    rows: NDArray[np.int64], *, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to learn from, and the pairs to ask about."""
    width = int(rows[:, 1].max()) + 1
    pairs = rows[:, 0] * width + rows[:, 1]
    wanted = np.unique(pairs[rows[:, 2] > 0])
    held_out = rng.choice(wanted, size=int(len(wanted) * _HELD_OUT), replace=False)
    asked = np.column_stack(np.divmod(np.sort(held_out), width))
    return rows[~np.isin(pairs, held_out)], asked


def dataset(rows: NDArray[np.int64]) -> Dataset:
    """Return rows as interactions of one instant."""
    numbers, items = np.unique(rows[:, 1], return_inverse=True)
    interactions = Interactions(
        visitor=rows[:, 0].astype(np.int32),
        visit=rows[:, 0].astype(np.int32),
        item=items.astype(np.int32),
        kind=rows[:, 2].astype(np.int32),
        amount=np.full(len(rows), np.nan, np.float32),
        at=np.zeros(len(rows), np.int64),
        items=tuple(str(number) for number in numbers.tolist()),
        kinds=_KINDS,
    )
    return Dataset(interactions=interactions, until=1)


def ndcg10(model: Recommender[Any], learned: NDArray[np.int64], asked: NDArray[np.int64]) -> float:
    """Return the mean over all visitors that something is asked about."""
    number = {key: index for index, key in enumerate(model.items)}
    steps: dict[int, list[Step]] = {}
    for visitor, item, kind in learned.tolist():
        step = Step(item=str(item), at=0, kind=_KINDS[kind])
        steps.setdefault(visitor, []).append(step)
    wanted: dict[int, list[int]] = {}
    for visitor, item in asked.tolist():
        found = wanted.setdefault(visitor, [])
        # An item that nobody has in training is right all the same, and never found.
        found.append(number.get(str(item), -1 - len(found)))
    gains = []
    for visitor, relevant in wanted.items():
        history = History(steps=tuple(steps.get(visitor, ())), now=1)
        scores = model.score(history)
        scores[[number[item] for item in history.items if item in number]] = -np.inf
        gains.append(ndcg(top(scores, 10), relevant=np.array(relevant, np.int32), n=10))
    return float(np.mean(gains))
