"""Groups of visitors: whether they come out again, keep their ids, and are those that are there.

Visits are those of Online Shoppers (UCI 468), by their nine counts and rates. A month later is a
tenth less of them, drawn anew. Of real visits nobody knows the groups, so some are made up.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from personalization.ml.arrays import Doubles, Flags
from personalization.ml.base import Options
from personalization.ml.clusters.distil import DistilConfig, distil
from personalization.ml.clusters.matching import stayed
from personalization.ml.clusters.personas import Personas, PersonasConfig
from personalization.ml.clusters.stability import adjusted_rand
from personalization.ml.threads import one_thread
from personalization.profiles.derived import fields
from personalization.rules.catalogue import Catalogue
from project.benchmarks.models.data import data
from project.benchmarks.models.planted import FEATURES, people
from project.benchmarks.models.rows import Row, protocols
from project.benchmarks.results import Effort

COLUMNS = (
    "Administrative", "Administrative_Duration", "Informational", "Informational_Duration",
    "ProductRelated", "ProductRelated_Duration", "BounceRates", "ExitRates", "PageValues",
)  # fmt: skip
#: Trainings anew, and people made up, each with another seed.
AGAIN, PLANTED = 5, 3


@protocols.register("clusters")
def measure(effort: Effort) -> Iterator[Row]:
    with one_thread():
        yield from _of_visits(visits(data("online_shoppers/online_shoppers_intention.csv")))
        yield from _of_planted()


def visits(path: Path) -> Doubles:
    """Return the counts and rates of each visit (n × `COLUMNS`)."""
    with path.open(newline="") as file:
        return np.array([[float(row[name]) for name in COLUMNS] for row in csv.DictReader(file)])


def _of_visits(rows: Doubles) -> Iterator[Row]:
    model = learned(rows, features=COLUMNS)
    yield Row(
        name="clusters_agreement",
        value=model.agreement,
        unit="ARI",
        reference=0.985,
        goal=0.9,
        note=f"adjusted Rand index, mean of 10 trainings on visits drawn anew; {len(model.ids)} groups were chosen",
    )
    yield Row(
        name="clusters_kept_ids",
        value=min(kept(model, rows, seed=seed) for seed in range(1, AGAIN + 1)),
        unit="share",
        goal=0.95,
        note=f"of those who stay together, the least of {AGAIN} trainings anew",
    )


def learned(rows: Doubles, *, features: tuple[str, ...], k: int = 0, seed: int = 0) -> Personas:
    """Return the groups in `rows`, as many as wanted or as come out again."""
    config = PersonasConfig(k=k, most=k, rounds=2) if k else PersonasConfig()
    model = Personas(config)
    model.features = features
    return model.fit(rows, Options(seed=seed))


def kept(model: Personas, rows: Doubles, *, seed: int) -> float:
    """Return the share of those who stay with the others that keep their id, in a training on
    nine of ten rows."""
    rng = np.random.default_rng(seed)
    drawn = rows[rng.choice(len(rows), size=len(rows) * 9 // 10, replace=False)]
    later = learned(drawn, features=model.features, k=len(model.ids), seed=seed)
    before, numbers = model.score(rows), later.score(rows)
    later.follow(model, before=model.score(drawn), rows=drawn)
    return float((later.score(rows) == before)[stayed(before, numbers)].mean())


def _of_planted() -> Iterator[Row]:
    agree, found = [], []
    for seed in range(1, PLANTED + 1):
        rows, truth = people(seed=seed)
        model = learned(rows, features=FEATURES, seed=seed)
        ids = model.score(rows)
        agree.append(adjusted_rand(ids, truth))
        found += [_f1(rows, ids == one, seed=seed) for one in model.ids]
    yield Row(
        name="clusters_planted_ari",
        value=min(agree),
        unit="ARI",
        goal=0.8,
        note=f"adjusted Rand index, the least of {PLANTED} simulations of four kinds of people",
    )
    yield Row(
        name="clusters_rule_f1",
        value=min(found),
        unit="F1",
        goal=0.9,
        note=f"of {len(found)} groups as rules, on people that the rule was not made of, the least",
    )


def _f1(rows: Doubles, members: Flags, *, seed: int) -> float:
    rule = distil(
        rows,
        members,
        features=FEATURES,
        catalogue=Catalogue(features=fields()),
        config=DistilConfig(),
        options=Options(seed=seed),
    )
    return rule.unseen_f1 or 0.0
