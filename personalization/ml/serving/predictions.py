"""What the models that serve say of profiles now, from plain arrays: numpy, and nothing more."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from personalization import metrics
from personalization.clock import microseconds
from personalization.ml.base import Clusterer, Predictor
from personalization.ml.clusters.personas import Personas
from personalization.ml.features.definitions import UnknownFeature
from personalization.ml.features.table import FeatureTable, feature_table
from personalization.ml.serving.loaded import loaded
from personalization.ml.serving.published import published_names
from personalization.types import Json

logger = logging.getLogger(__name__)

#: More digits than this are no knowledge, and each change of them would be a write.
DIGITS = 4

Scoring: TypeAlias = Predictor[Any] | Clusterer[Any]


def predictions(profile_ids: Collection[int], *, now: datetime) -> dict[int, dict[str, Json]]:
    """Return for each profile that consents what each model says of it, by the model's name: a
    probability, or the name of a group (its number, where groups have no names); nothing of a
    model in none of whose groups it is. None, of all profiles, for a model that serves and cannot
    be asked now: nobody knows what it would say.

    Three queries for 200 profiles and few for the models, however many of these there are.
    """
    serving = _models(now=now)
    models = {name: model for name, model in serving.items() if model is not None}
    silent = serving.keys() - models.keys()
    found: dict[int, dict[str, Json]] = {}
    if silent:
        found = {pk: dict.fromkeys(silent) for pk in profile_ids}
    if not models or not profile_ids:
        return found
    features = tuple(dict.fromkeys(name for each in models.values() for name in each.features))
    at = microseconds(now)
    table = feature_table([(pk, at) for pk in sorted(profile_ids)], features=features)
    for name, model in models.items():
        for row, score in _scores(model, table):
            found.setdefault(table.profile(row), {})[name] = score
    return found


def _models(*, now: datetime) -> Mapping[str, Scoring | None]:
    """Return the models that serve; None for those that cannot be asked: they cannot be read, or
    their features are not there any more."""
    models: dict[str, Scoring | None] = {}
    for name in published_names():
        found = loaded(name, now=now)
        if isinstance(found.model, Predictor | Clusterer):
            models[name] = found.model if _has_features(name, found.model) else None
        elif found.model is None and found.serving_id is not None:
            models[name] = None
    return models


def _has_features(name: str, model: Scoring) -> bool:
    try:
        feature_table([], features=model.features)
    except UnknownFeature as error:
        metrics.count("models.unknown_feature")
        logger.error("%s cannot score: %s", name, error, extra={"action": "unknown_feature"})
        return False
    return True


def _scores(model: Scoring, table: FeatureTable) -> Iterator[tuple[int, Json]]:
    """Yield each row with what is said of it; those of no group are left out."""
    rows = table.rows[:, [table.features.index(name) for name in model.features]]
    if isinstance(model, Personas):
        yield from ((row, name) for row, name in enumerate(model.published(rows)) if name)
    elif isinstance(model, Clusterer):
        yield from ((row, int(one)) for row, one in enumerate(model.score(rows)) if one >= 0)
    else:
        yield from (
            (row, round(float(score), DIGITS)) for row, score in enumerate(model.score(rows))
        )
