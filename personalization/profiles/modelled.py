"""Features that models publish. They are no sums of events: what was said last stands until it
is said anew, whatever events come between, and is no part of what events add up to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from personalization.registry import Registry
from personalization.rules.catalogue import Field
from personalization.types import Json

#: What the names of such features begin with: the kind of the model.
KINDS = frozenset({"propensity", "churn", "cluster"})

#: Name → function that returns the features that are published now, by name.
sources: Registry[Callable[[], Mapping[str, Field]]] = Registry("source of model features")


def publishes(name: str) -> bool:
    """Return whether what a model of this name says of people becomes a feature."""
    return name.partition(".")[0] in KINDS


def modelled(features: Mapping[str, Json]) -> dict[str, Json]:
    """Return those of the features that models publish."""
    return {name: value for name, value in features.items() if publishes(name)}


def fields() -> dict[str, Field]:
    """Return the features that models publish now, which rules may speak of."""
    return {name: each for _, source in sources.items() for name, each in source().items()}
