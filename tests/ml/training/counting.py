"""A model that counts, and recipes for it: small enough to know what has to come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from personalization.ml.arrays import Floats
from personalization.ml.base import Config, Options, Recommender, algorithms
from personalization.ml.history import History
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.training.learned import Learned
from personalization.ml.training.plans import Order, Plan
from personalization.ml.training.promote import Trial
from personalization.ml.unfit import UnfitData

NAME = "counting"
PLACE = __name__


@dataclass(frozen=True, kw_only=True)
class CountingConfig(Config):
    bounds = {"power": (0, 4)}
    power: float = 1.0


@algorithms.register("counting_of_tests")
class Counting(Recommender[CountingConfig]):
    config_class = CountingConfig

    def fit(self, dataset: Dataset, options: Options) -> Self:
        rows = dataset.interactions
        if not len(rows):
            raise UnfitData("Needs 1 interaction, has 0.")
        self.items = rows.items
        self.counts = np.bincount(rows.item, minlength=len(rows.items)).astype(np.float32)
        return self

    def score(self, history: History) -> Floats:
        scores: Floats = (self.counts**self.config.power).astype(np.float32)
        return scores

    def arrays(self) -> dict[str, Any]:
        return {"items": np.array(self.items), "counts": self.counts}

    def restore(self, arrays: Any, facts: Any) -> None:
        self.items = tuple(arrays["items"].tolist())
        self.counts = arrays["counts"]


def dataset(*items: str) -> Dataset:
    rows = [(n, n, item, "Product Viewed", float("nan"), n) for n, item in enumerate(items)]
    return Dataset(interactions=interactions_of(rows), until=len(items))


@dataclass
class Kitchen:
    """What the recipes below are to find, and what they were asked for."""

    items: list[str] = field(default_factory=lambda: ["a", "b", "a"])
    value: float = 0.5
    baseline: float | None = 0.2
    serving: float | None = None
    #: Called in the middle of it.
    meanwhile: Callable[[Order], None] = lambda order: None
    orders: list[Order] = field(default_factory=list)


kitchen = Kitchen()


def learn(order: Order) -> Learned:
    kitchen.orders.append(order)
    order.progress(0.25, "Reading the log")
    kitchen.meanwhile(order)
    model = Counting(CountingConfig.read(order.plan.config))
    model.fit(dataset(*kitchen.items), Options(seed=order.seed))
    order.progress(0.75, "Counting")
    serving = kitchen.serving if order.serving else None
    return Learned(
        model=model,
        rows=len(kitchen.items),
        since=order.since,
        until=order.until,
        trial=Trial(
            metric="hr_20", value=kitchen.value, baseline=kitchen.baseline, serving=serving, n=10
        ),
        metrics={"coverage": 0.75, "nothing": float("nan")},
        features_version="f1",
        remarks=("2 items were seen.",),
    )


def refresh(order: Order) -> Learned | None:
    kitchen.orders.append(order)
    kitchen.meanwhile(order)
    return learn_again(order) if kitchen.items else None


def learn_again(order: Order) -> Learned:
    model = Counting().fit(dataset(*kitchen.items), Options())
    return Learned(model=model, rows=len(kitchen.items), since=order.since, until=order.until)


def plan(name: str = NAME, **values: Any) -> Plan:
    """Return a plan of the recipes above."""
    ways = {"recipe": f"{PLACE}.learn", "refresh": f"{PLACE}.refresh"}
    return Plan(**{"name": name, "algorithm": "counting_of_tests", **ways, **values})
