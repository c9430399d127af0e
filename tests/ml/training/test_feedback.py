"""Weights of the site reach the models that heed weights, and no others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from personalization.ml.base import Options
from personalization.ml.history import History, Step
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.item_events import SHIPPED, ItemEvents, Weighing
from personalization.ml.known import algorithms
from personalization.ml.training.feedback import with_feedback
from personalization.ml.unfit import UnfitData

WEIGHTS = ItemEvents(
    {**SHIPPED, "Product Added": Weighing(9), "Ticket Bought": Weighing(4)}
).weights


def told(name: str, config: Any = None, weights: Any = None) -> Any:
    model = algorithms.get(name)
    assert model is not None
    return with_feedback(model, config or {}, weights=WEIGHTS if weights is None else weights)


def test_weights_as_shipped_change_nothing() -> None:
    assert told("ials", {"factors": 8}, ItemEvents().weights) == {"factors": 8}
    assert told("stack", {}, ItemEvents().weights) == {}


def test_a_model_with_weights_learns_by_those_of_the_site() -> None:
    config = told("ials", {"factors": 8})
    assert config == {"factors": 8, "weights": WEIGHTS}


def test_what_is_stated_for_a_model_outweighs_the_site() -> None:
    assert told("ials", {"weights": {"Product Viewed": 2}}) == {"weights": {"Product Viewed": 2}}


@pytest.mark.parametrize("name", ["ease", "item_knn", "markov"])
def test_a_model_that_looks_for_neighbours_hears_of_no_weights(name: str) -> None:
    assert told(name) == {}


def test_the_engines_of_a_stack_learn_by_them_each_as_it_is() -> None:
    engines = told("stack")["engines"]
    shipped = algorithms.get("stack").config_class().engines  # type: ignore[union-attr]
    assert engines.keys() == shipped.keys()
    assert engines["ials"] == {"weights": WEIGHTS}
    assert engines["ease"] == {}
    own = told("stack", {"share": 0.2, "engines": {"popularity": {}, "ials:big": {"factors": 9}}})
    assert own["share"] == 0.2
    assert own["engines"] == {"popularity": {}, "ials:big": {"factors": 9, "weights": WEIGHTS}}


@pytest.mark.parametrize("engines", [7, ["ials"], {"nothing": {}}, {"ials": 3}])
def test_what_is_no_configuration_is_left_for_the_model_to_refuse(engines: Any) -> None:
    assert told("stack", {"engines": engines})["engines"] == engines


def test_what_weighs_below_zero_is_not_learned_from() -> None:
    """The weights do reach what is learned: what everybody put back is liked by nobody."""
    rows = [
        (visitor, visitor, f"item-{(visitor + step) % 4}", "Product Added", float("nan"), step)
        for visitor in range(8)
        for step in range(2)
    ]
    dataset = Dataset(interactions=interactions_of(rows), until=10)
    model = algorithms.get("ials")
    assert model is not None
    small = {"factors": 2, "iterations": 3, "backend": "own"}

    def fitted(weights: dict[str, float]) -> Any:
        config = with_feedback(model, small, weights=weights)
        ials: Any = model(model.config_class.read(config))
        return ials.fit(dataset, Options())

    history = History(steps=(Step(item="item-0", at=1, kind="Product Added"),), now=10)
    liked = fitted({"Product Added": 9.0}).score(history)
    barely = fitted({"Product Added": 0.1}).score(history)
    assert np.abs(liked - barely).max() > 0.01
    with pytest.raises(UnfitData, match="weigh 0 or less"):
        fitted({"Product Added": -1.0})
