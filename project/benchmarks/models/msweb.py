"""Areas of www.microsoft.com in one week of 1998: which others did a visitor come by?

Breese, Heckerman and Kadie (1998), §3: of each visitor of the test all areas but one, or two
alone, are told, and the others asked about; a list is worth half as much five places down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from personalization.ml.base import Options, Recommender
from personalization.ml.evaluation.ranking_metrics import half_life_utility
from personalization.ml.history import history_of
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.ranking import top
from personalization.ml.recommenders.ease import Ease
from personalization.ml.recommenders.popularity import Popularity
from personalization.ml.threads import one_thread
from project.benchmarks.models.data import data
from project.benchmarks.models.rows import Row, protocols
from project.benchmarks.results import Effort

#: Name, number of areas that are told (None: all but one), reference, goal.
_ASKED = (("all_but_1", None, 64.5, 64.0), ("given_2", 2, 56.0, 56.0))
_SEED = 0


@protocols.register("msweb")
def measure(effort: Effort) -> Iterator[Row]:
    learned = dataset(read(data("msweb/anonymous-msweb.data")))
    asked = read(data("msweb/anonymous-msweb.test"))
    with one_thread():
        popular = Popularity().fit(learned, Options())
        ease = Ease().fit(learned, Options())
    for name, n_told, reference, goal in _ASKED:
        yield Row(
            name=f"msweb_{name}",
            value=r_score(ease, asked, n_told=n_told),
            unit="R score",
            reference=reference,
            goal=goal,
            popularity=r_score(popular, asked, n_told=n_told),
            note="EASE, centred by itself",
        )


def read(path: Path) -> list[tuple[str, ...]]:
    """Return the areas of each visitor, each once, in the order of the file."""
    visitors: list[list[str]] = []
    for line in path.read_text(encoding="latin-1").splitlines():
        kind, number, *_ = line.split(",")
        if kind == "C":
            visitors.append([])
        elif kind == "V":
            visitors[-1].append(number)
    return [tuple(dict.fromkeys(areas)) for areas in visitors]


def dataset(visitors: Iterable[tuple[str, ...]]) -> Dataset:
    """Return visits whose order in time is not known."""
    rows = [
        (visitor, visitor, area, "Page Viewed", float("nan"), 0)
        for visitor, areas in enumerate(visitors)
        for area in areas
    ]
    return Dataset(interactions=interactions_of(rows), until=1)


def r_score(
    model: Recommender[Any], visitors: Iterable[tuple[str, ...]], *, n_told: int | None
) -> float:
    """Return 100 × what all lists are worth over the most that they could be.

    Which areas are told is drawn by chance, the same for every model.
    """
    rng = np.random.default_rng(_SEED)
    number = {key: index for index, key in enumerate(model.items)}
    worth = np.zeros(2)
    for areas in visitors:
        told = len(areas) - 1 if n_told is None else n_told
        if not 0 < told < len(areas):
            continue
        shuffled = [areas[place] for place in rng.permutation(len(areas))]
        scores = model.score(history_of(*shuffled[:told]))
        scores[[number[area] for area in shuffled[:told] if area in number]] = -np.inf
        # An area that nobody came by in training is asked about all the same.
        wanted = [number.get(area, -1 - n) for n, area in enumerate(shuffled[told:])]
        ranked = top(scores, len(scores))
        worth += half_life_utility(ranked, relevant=np.array(wanted, np.int32))
    return float(100 * worth[0] / worth[1])
