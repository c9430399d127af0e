"""What a version chose when it was trained, as plain values: nothing that learns comes along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.module_loading import import_string

from personalization.exceptions import PersonalizationError
from personalization.ml.models import ModelVersion
from personalization.types import JsonObject

STACK, BEST = "stack", "best"
_READER = "personalization.ml.training.read_insides.read"


class NoInsides(PersonalizationError):
    """Nothing is known of what this version chose."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine of a stack. `shares` are its parts of the weights, one for each length of
    history; none of an engine that was tried and is not used."""

    name: str
    shares: Sequence[float] = ()
    #: NDCG@20 of it alone, of what came next in the latest part of the data; None: not judged.
    ndcg: float | None = None
    config: JsonObject


@dataclass(frozen=True, kw_only=True)
class StackInsides:
    #: Known items of a history, from which on each of the shares counts.
    lengths: Sequence[int]
    #: The best alone first; those that were not judged in the order of their names.
    engines: Sequence[Engine]
    #: NDCG@20 of all together, and of popularity alone; None where weights are as shipped.
    together: float | None
    popularity: float | None
    questions: int


@dataclass(frozen=True, kw_only=True)
class Tried:
    algorithm: str
    config: JsonObject
    #: Logarithmic loss on what came later, the mean over folds; the lower the better.
    loss: float


@dataclass(frozen=True, kw_only=True)
class BestInsides:
    algorithm: str
    config: JsonObject
    #: “none”, “isotonic” or “sigmoid”.
    calibration: str
    #: The best first.
    tried: Sequence[Tried]


def has_insides(version: ModelVersion) -> bool:
    return version.algorithm in (STACK, BEST) and bool(version.checksum)


def insides_of(version: ModelVersion) -> StackInsides | BestInsides:
    """Return what a version chose.

    :raises NoInsides: if it chooses nothing, or its artefact cannot be read here.
    """
    if not has_insides(version):
        raise NoInsides
    try:
        read = import_string(_READER)
    except ImportError as error:
        raise NoInsides(
            "The extra “ml” is not installed: pip install personalization[ml]."
        ) from error
    found: StackInsides | BestInsides = read(version)
    return found
