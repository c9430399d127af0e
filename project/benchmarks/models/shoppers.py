"""Who buys: the visits of one shop in a year (UCI 468, “Online Shoppers Purchasing Intention”).

Once in ten random, stratified folds, which is how others publish, and once by time: learned
until October, asked of November and December. The year's rows know no more of time than their
month; random folds know nothing of it.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from personalization.ml.base import Options
from personalization.ml.evaluation.folds import stratified
from personalization.ml.evaluation.probabilities import quality
from personalization.ml.examples import Examples
from personalization.ml.predictors.best import Best
from personalization.ml.threads import one_thread
from project.benchmarks.models.data import data
from project.benchmarks.models.rows import Row, protocols
from project.benchmarks.results import Effort

FILE = "online_shoppers/online_shoppers_intention.csv"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NUMBERS = (
    "Administrative",
    "Administrative_Duration",
    "Informational",
    "Informational_Duration",
    "ProductRelated",
    "ProductRelated_Duration",
    "BounceRates",
    "ExitRates",
    "PageValues",
    "SpecialDay",
)
CATEGORIES = (
    "Month",
    "OperatingSystems",
    "Browser",
    "Region",
    "TrafficType",
    "VisitorType",
    "Weekend",
)
FOLDS, SEED = 10, 0
_MONTH = 30 * 86_400_000_000
_NOVEMBER = MONTHS.index("Nov")


def visits() -> Examples:
    """Return the rows of the file, ordered by month."""
    with data(FILE).open(newline="") as file:
        found = sorted(csv.DictReader(file), key=lambda row: MONTHS.index(row["Month"]))
    values = {name: tuple(sorted({row[name] for row in found})) for name in CATEGORIES}
    index = {name: {value: n for n, value in enumerate(each)} for name, each in values.items()}
    return Examples(
        rows=np.array(
            [
                [float(row[name]) for name in NUMBERS]
                + [float(index[name][row[name]]) for name in CATEGORIES]
                for row in found
            ]
        ),
        labels=np.array([float(row["Revenue"] == "TRUE") for row in found]),
        features=NUMBERS + CATEGORIES,
        at=np.array([MONTHS.index(row["Month"]) * _MONTH for row in found], np.int64),
        visitor=np.arange(len(found), dtype=np.int32),
        categories=values,
    )


@protocols.register("shoppers")
def measure(effort: Effort) -> Iterator[Row]:
    with one_thread():
        found = visits()
        yield from _in_random_folds(found)
        yield from _by_time(found)


def _in_random_folds(found: Examples) -> Iterator[Row]:
    """Yield the means over ten stratified folds, as others publish them."""
    figures, chosen = [], []
    for fold in stratified(found.labels, n=FOLDS, rng=np.random.default_rng(SEED)):
        model = Best().fit(_without_time(found.where(fold.train)), Options(seed=SEED))
        figures.append(quality(found.labels[fold.test], model.score(found.rows[fold.test])))
        chosen.append(f"{model.model.algorithm}, calibration {model.calibration.kind}")
    note = "; ".join(f"{n}× {name}" for name, n in sorted(Counter(chosen).items()))
    base_rate = float(found.labels.mean())
    yield Row(
        name="shoppers_auc",
        value=float(np.mean([each.auc for each in figures])),
        unit="AUC",
        published=0.937,
        published_by="XGBoost, PMC10121810",
        reference=0.9353,
        goal=0.930,
        popularity=0.5,
        note=note,
    )
    yield Row(
        name="shoppers_ap",
        value=float(np.mean([each.ap for each in figures])),
        unit="average precision",
        published=0.754,
        published_by="XGBoost, PMC10121810",
        reference=0.7579,
        goal=0.745,
        popularity=base_rate,
    )
    yield Row(
        name="shoppers_ece",
        value=float(np.mean([each.ece for each in figures])),
        unit="ECE, 10 bins",
        reference=0.0033,
        goal=0.02,
        less_is_better=True,
        note=f"Brier {np.mean([each.brier for each in figures]):.4f}",
    )


def _by_time(found: Examples) -> Iterator[Row]:
    """Yield what a model of February to October says of November and December."""
    past, later = found.at < _NOVEMBER * _MONTH, found.at >= _NOVEMBER * _MONTH
    model = Best().fit(found.where(past), Options(seed=SEED))
    labels, rows = found.labels[later], found.rows[later]
    now = quality(labels, model.score(rows))
    before = quality(labels, model.model.score(rows))
    note = (
        f"{model.model.algorithm} chosen by validation on {int(past.sum())} earlier rows;"
        f" calibration {model.calibration.kind}"
    )
    yield Row(
        name="shoppers_time_split_auc",
        value=now.auc,
        unit="AUC",
        reference=0.849,
        goal=0.82,
        popularity=0.5,
        note=note,
    )
    yield Row(
        name="shoppers_time_split_ap",
        value=now.ap,
        unit="average precision",
        reference=0.675,
        popularity=now.base_rate,
    )
    yield Row(
        name="shoppers_time_split_ece",
        value=now.ece,
        unit="ECE, 10 bins",
        less_is_better=True,
        note=f"{before.ece:.4f} before calibration; {int(past.sum())} rows convert at"
        f" {found.labels[past].mean():.3f}, the later ones at {now.base_rate:.3f}",
    )


def _without_time(examples: Examples) -> Examples:
    """Return the rows in an order that says nothing, as random folds have them: each counts as
    later than the one before."""
    order = np.random.default_rng(SEED).permutation(len(examples))
    return replace(
        examples,
        rows=examples.rows[order],
        labels=examples.labels[order],
        visitor=examples.visitor[order],
        at=np.arange(len(examples), dtype=np.int64),
    )
