"""How long a list takes in the process of a page, with all that a site may have switched on.

The shipped stack, packed and unpacked as the web process has it, over the films of MovieLens
1M: histories of 50 steps; lists of 10, re-ranked by five rules, varied, at most three of a
category, two positions of twenty explored, each item with its reason. Ratings come without
times: they are taken to have come one a minute, ten in a visit, a visit a day. All lists are made
in several rounds, one after the other.

`serving_p50_ms` and `serving_p99_ms` are over lists, of each of which the fastest of its rounds
counts: what the work takes, without what else the machine did. `serving_all_calls_p99_ms` is over
all calls of all rounds, as they came: what else the machine did is in it, so that there is no goal
for it. In none of them is reading the history from the database. Milliseconds hang on the machine
and its hour; `serving_over_one_matrix` says how many times as long a list takes as a plain one of
the visitor's own, which is made beside it: rows of one matrix of items by items added up, what was
seen left out, the best ten taken. `serving_about_item_p50_ms` is over lists on the page of the item
that the visitor viewed last: for these the stack scores that item by itself, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from personalization.ml.arrays import Doubles, Floats
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
    took = 1000 * np.array([list(_seconds(engine, dataset, films)) for _ in range(rounds)])
    about = (
        f"{len(model.items)} items, {_STEPS} steps, lists of {_N}, {len(content) / 1e6:.0f} MB, "
        "history already read"
    )
    whole, of_item, plain = np.moveaxis(took, 2, 0)
    yield from rows_of(whole, plain=plain, of_item=of_item, about=about)


def rows_of(took: Doubles, *, plain: Doubles, of_item: Doubles, about: str) -> Iterator[Row]:
    """Yield the figures of what calls took, and what plain ones and those about an item took
    beside them, in milliseconds (rounds × lists)."""
    rounds, lists = took.shape
    fastest = took.min(axis=0)
    note = f"{about}; fastest of {rounds} rounds of each of {lists} lists"
    yield Row(
        name="serving_p50_ms",
        value=float(np.percentile(fastest, 50)),
        unit="ms",
        published=10.0,
        published_by="Metarank, 10 to 30",
        goal=1.0,
        less_is_better=True,
        note=note,
    )
    yield Row(
        name="serving_p99_ms",
        value=float(np.percentile(fastest, 99)),
        unit="ms",
        goal=3.0,
        less_is_better=True,
        note=note,
    )
    yield Row(
        name="serving_all_calls_p99_ms",
        value=float(np.percentile(took, 99)),
        unit="ms",
        less_is_better=True,
        note=f"{about}; all {took.size} calls of {rounds} rounds, with what else the machine did",
    )
    yield Row(
        name="serving_over_one_matrix",
        value=float(np.median(fastest / plain.min(axis=0))),
        unit="×",
        less_is_better=True,
        note="one engine, a matrix of items by items, that gives no reasons and knows no rules",
    )
    yield Row(
        name="serving_about_item_p50_ms",
        value=float(np.percentile(of_item.min(axis=0), 50)),
        unit="ms",
        less_is_better=True,
        note=f"{note}; on the page of what was viewed last",
    )


def _seconds(
    engine: Engine, dataset: Dataset, films: Shelf
) -> Iterator[tuple[float, float, float]]:
    """Yield how long lists of a visitor took: one about nothing, one about an item, a plain one."""
    famous = _popular(dataset.interactions)
    numbers = {key: number for number, key in enumerate(dataset.interactions.items)}
    matrix = np.random.default_rng(0).random((len(numbers), len(numbers)), dtype=np.float32)
    for number, history in enumerate(_histories(dataset, n=_WARM + _MEASURED)):
        ask = Ask(n=_N, history=history, rules=_RULES, policy=_POLICY, lot=f"visitor {number}")
        seconds = []
        for each in (ask, replace(ask, item=history.steps[-1].item)):
            started = time.perf_counter()
            found = recommend(each, items=films, famous=famous, scorer=engine)
            seconds.append(time.perf_counter() - started)
            if len(found) != _N:
                raise ValueError(f"A list has {len(found)} items, not {_N}.")
        started = time.perf_counter()
        _best([numbers[step.item] for step in history.steps], matrix)
        plain = time.perf_counter() - started
        if number >= _WARM:
            yield seconds[0], seconds[1], plain


def _best(seen: list[int], matrix: Floats) -> list[int]:
    scores = matrix[seen].sum(axis=0)
    scores[seen] = -np.inf
    best = np.argpartition(scores, -_N)[-_N:]
    found: list[int] = best[np.argsort(-scores[best])].tolist()
    return found


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
