"""Have models that heed weights of feedback learn by those of the site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from personalization.ml.base import Model
from personalization.ml.item_events import ItemEvents
from personalization.ml.known import algorithms
from personalization.ml.recommenders.stack_config import StackConfig
from personalization.types import Json, JsonObject

_WEIGHTS = "weights"


def with_feedback(
    model: type[Model[Any]], config: JsonObject, *, weights: Mapping[str, float]
) -> JsonObject:
    """Return the configuration of `model` with `weights` (event → weight) wherever it has such,
    in the engines of a stack too. What the configuration states itself stays, and where the
    weights are as shipped all of it does.
    """
    if weights == ItemEvents().weights:
        return config
    if issubclass(model.config_class, StackConfig):
        stated: Any = config.get("engines", model.config_class().engines)
        if not isinstance(stated, Mapping):  # for the configuration itself to refuse
            return config
        engines = {name: _engine(name, each, weights) for name, each in stated.items()}
        return {**config, "engines": engines}
    if _WEIGHTS in config or _WEIGHTS not in {each.name for each in fields(model.config_class)}:
        return config
    return {**config, _WEIGHTS: dict(weights)}


def _engine(name: str, config: Json, weights: Mapping[str, float]) -> Json:
    model = algorithms.get(name.partition(":")[0])
    if model is None or not isinstance(config, Mapping):
        return config
    return with_feedback(model, config, weights=weights)
