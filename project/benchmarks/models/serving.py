"""How long a list takes in the process of a page, with all that a site may have switched on.

The shipped stack, packed and unpacked as the web process has it, over the films of MovieLens
1M: histories of 50 steps; lists of 10, re-ranked by five rules, varied, at most three of a
category, two positions of twenty explored, each item with its reason. Ratings come without
times: they are taken to have come one a minute, ten in a visit, a visit a day. All lists are made
in several rounds, one after the other, and of each the fastest counts: what else the machine does
is not measured. What is not in it is reading the history from the database.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from personalization.ml.artefact import checksum, packed, unpacked
from personalization.ml.base import Options, Recommender
from personalization.ml.history import History, Step
from personalization.ml.interactions import Catalogue, Dataset, Interactions
from personalization.ml.recommenders.stack import Stack
from personalization.ml.serving.engine import Engine
from personalization.ml.serving.policy import Policy
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.recommend import Ask, recommend
from personalization.ml.serving.rerank import Rule
from personalization.ml.serving.shelf import Shelf, ShelfItem, shelf_of
from personalization.ml.threads import one_thread
from project.benchmarks.models.data import data
from project.benchmarks.models.rows import Row, protocols
from project.benchmarks.results import Effort

_FOLDS = tuple(f"ml1m/test_1m{n}.dat" for n in range(1, 6))
_MINUTE, _DAY = 60_000_000, 86_400_000_000
_KIND = "Product Viewed"
_STEPS, _IN_VISIT, _N = 50, 10, 10
#: Lists that a process makes before it is measured, and those that are.
_WARM, _MEASURED = 500, 3000
_ROUNDS = 5
_RULES = (
    Rule(action="boost", target="tag", value="Drama", factor=1.5),
    Rule(action="bury", target="category", value="Horror", factor=3.0),
    Rule(action="exclude", target="tag", value="Western"),
    Rule(action="pin", target="category", value="Documentary", position=4),
    Rule(action="pin", target="item", value="1", position=9),
)
_POLICY = Policy(diversity=0.2, per_category=3, explore=0.1)


@protocols.register("serving")
def measure(effort: Effort) -> Iterator[Row]:
    ratings = np.concatenate([np.loadtxt(data(name), np.int64, delimiter=",") for name in _FOLDS])
    films = _films()
    dataset = _dataset(ratings, films)
    with one_thread():
        content = packed(Stack().fit(dataset, Options()))
    model = unpacked(content, sha256=checksum(content))
    if not isinstance(model, Recommender):
        raise TypeError(f"{model!r} recommends nothing.")
    engine, rounds = Engine(model, version=1), max(1, min(effort.rounds, _ROUNDS))
    took = [list(_seconds(engine, dataset, films)) for _ in range(rounds)]
    fastest = 1000 * np.array(took).min(axis=0)
    note = (
        f"{len(model.items)} items, {_STEPS} steps, lists of {_N}, {len(content) / 1e6:.0f} MB, "
        f"{rounds} rounds"
    )
    for name, share, goal in (("serving_p50_ms", 50, 1.0), ("serving_p99_ms", 99, 3.0)):
        yield Row(
            name=name,
            value=float(np.percentile(fastest, share)),
            unit="ms",
            published=10.0 if share == 50 else None,
            published_by="Metarank, 10 to 30" if share == 50 else "",
            goal=goal,
            less_is_better=True,
            note=note,
        )


def _seconds(engine: Engine, dataset: Dataset, films: Shelf) -> Iterator[float]:
    """Yield how long each list took."""
    famous = _popular(dataset.interactions)
    for number, history in enumerate(_histories(dataset, n=_WARM + _MEASURED)):
        ask = Ask(n=_N, history=history, rules=_RULES, policy=_POLICY, lot=f"visitor {number}")
        started = time.perf_counter()
        found = recommend(ask, items=films, famous=famous, scorer=engine)
        seconds = time.perf_counter() - started
        if len(found) != _N:
            raise ValueError(f"A list has {len(found)} items, not {_N}.")
        if number >= _WARM:
            yield seconds


def _histories(dataset: Dataset, *, n: int) -> Iterator[History]:
    """Yield the last steps of visitors who have enough, in the middle of a visit."""
    rows = dataset.interactions
    ends = np.flatnonzero(np.diff(rows.visitor, append=-1))
    long_enough = [
        end for end in ends.tolist() if rows.visitor[end - _STEPS + 1] == rows.visitor[end]
    ]
    for end in (long_enough * (n // len(long_enough) + 1))[:n]:
        steps = range(end - _STEPS + 1, end + 1)
        yield History(
            steps=tuple(
                Step(
                    item=rows.items[rows.item[at]],
                    at=int(rows.at[at]),
                    kind=_KIND,
                    in_visit=bool(rows.visit[at] == rows.visit[end]),
                )
                for at in steps
            ),
            now=int(rows.at[end]) + _MINUTE,
        )


def _dataset(ratings: NDArray[np.int64], films: Shelf) -> Dataset:
    """Return the ratings of each visitor in an order by chance, always the same."""
    rng = np.random.default_rng(0)
    ordered = ratings[np.lexsort((rng.random(len(ratings)), ratings[:, 0]))]
    visitor = np.unique(ordered[:, 0], return_inverse=True)[1]
    begins = np.searchsorted(visitor, np.arange(visitor.max() + 1))
    place = np.arange(len(visitor)) - begins[visitor]
    numbers, item = np.unique(ordered[:, 1], return_inverse=True)
    day, minute = place // _IN_VISIT, place % _IN_VISIT
    rows = Interactions(
        visitor=visitor.astype(np.int32),
        visit=np.unique(visitor * 1000 + day, return_inverse=True)[1].astype(np.int32),
        item=item.astype(np.int32),
        kind=np.zeros(len(item), np.int32),
        amount=np.full(len(item), np.nan, np.float32),
        at=(day * _DAY + minute * _MINUTE).astype(np.int64),
        items=tuple(str(number) for number in numbers.tolist()),
        kinds=(_KIND,),
    )
    known = [films.items[key] for key in rows.items]
    catalogue = Catalogue(
        items=rows.items,
        texts=tuple(one.title for one in known),
        tags=tuple(one.tags for one in known),
    )
    return Dataset(interactions=rows, until=int(rows.at.max()) + 1, catalogue=catalogue)


def _films() -> Shelf:
    """Return the films, each of the category of its first genre, with all of them as tags."""
    lines = data("ml1m/movies.dat").read_text(encoding="utf-8").splitlines()
    cells = [line.split("\t") for line in lines]
    return shelf_of(
        ShelfItem(
            key=key,
            kind="film",
            title=title,
            category=genres.partition("|")[0],
            tags=tuple(genres.split("|")),
        )
        for key, title, genres in cells
    )


def _popular(rows: Interactions) -> Popular:
    counts = np.bincount(rows.item, minlength=len(rows.items))
    order = np.argsort(-counts, kind="stable").tolist()
    most = counts.max()
    ranked = tuple((rows.items[number], float(counts[number] / most)) for number in order)
    return Popular(ranked, dict(ranked))
