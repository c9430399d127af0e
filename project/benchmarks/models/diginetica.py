"""Visits of a shop: what is looked at next, after every prefix of 60,858 visits' steps.

Protocol G: the visits that SR-GNN and its successors are compared by. Nothing is filtered, so
the item one is at may come next again. The file has the visits in their order without times:
they are taken to have come one a minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from personalization.ml.base import Options
from personalization.ml.history import History, Step
from personalization.ml.interactions import Dataset, Interactions
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.recommenders.vstan import Vstan
from personalization.ml.threads import one_thread
from project.benchmarks.models.data import data
from project.benchmarks.models.next_item import Asked, measured
from project.benchmarks.models.rows import Row, protocols
from project.benchmarks.results import Effort

_MINUTE = 60_000_000
_KIND = "Product Viewed"
_BY = "SLIST, WWW 2021"


@protocols.register("diginetica")
def measure(effort: Effort) -> Iterator[Row]:
    visits = _visits(data("diginetica/train_sessions.txt"))
    asked = list(_asked(data("diginetica/test_prefix_target.tsv"), now=len(visits) * _MINUTE))
    dataset = _dataset(visits)
    with one_thread():
        vstan = Vstan().fit(dataset, Options())
        ours = measured(vstan, asked)
        popular = measured(Popularity().fit(dataset, Options()), asked)
    yield Row(
        name="diginetica_hr20",
        value=100 * ours.hit20,
        unit="% HR@20",
        reference=52.65,
        published=52.91,
        published_by=_BY,
        goal=52.0,
        popularity=100 * popular.hit20,
        note=f"VSTAN; SR-GNN 49.04; {ours.said}",
    )
    yield Row(
        name="diginetica_mrr20",
        value=100 * ours.mrr20,
        unit="% MRR@20",
        reference=18.63,
        published=18.86,
        published_by=_BY,
        goal=18.4,
        popularity=100 * popular.mrr20,
        note="VSTAN",
    )


def _visits(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text(encoding="utf-8").splitlines()]


def _asked(path: Path, *, now: int) -> Iterator[Asked]:
    for line in path.read_text(encoding="utf-8").splitlines():
        prefix, _, target = line.partition("\t")
        steps = tuple(Step(item=item, at=now, kind=_KIND) for item in prefix.split())
        yield Asked(history=History(steps=steps, now=now), target=target)


def _dataset(visits: list[list[str]]) -> Dataset:
    lengths = [len(visit) for visit in visits]
    visit = np.repeat(np.arange(len(visits), dtype=np.int32), lengths)
    items, item = np.unique([key for each in visits for key in each], return_inverse=True)
    rows = Interactions(
        visitor=visit,
        visit=visit,
        item=item.astype(np.int32),
        kind=np.zeros(len(visit), np.int32),
        amount=np.full(len(visit), np.nan, np.float32),
        at=visit.astype(np.int64) * _MINUTE,
        items=tuple(items.tolist()),
        kinds=(_KIND,),
    )
    return Dataset(interactions=rows, until=len(visits) * _MINUTE)
