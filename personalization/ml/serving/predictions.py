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
from personalization.ml.serving.loaded import serving
from personalization.ml.serving.published import published_names
from personalization.types import Json

logger = logging.getLogger(__name__)

#: More digits than this are no knowledge, and each change of them would be a write.
DIGITS = 4

Scoring: TypeAlias = Predictor[Any] | Clusterer[Any]


def predictions(profile_ids: Collection[int], *, now: datetime) -> dict[int, dict[str, Json]]:
    """Return for each profile that consents what each model says of it, by the model's name: a
    probability, or the name of a group (its number, where groups have no names); nothing of a
    model in none of whose groups it is.

    Two queries for 200 profiles and few for the models, however many of these there are.
    """
    found: dict[int, dict[str, Json]] = {}
    models = _models(now=now)
    if not models or not profile_ids:
        return found
    features = tuple(dict.fromkeys(name for each in models.values() for name in each.features))
    at = microseconds(now)
    table = feature_table([(pk, at) for pk in sorted(profile_ids)], features=features)
    for name, model in models.items():
        for row, score in _scores(model, table):
            found.setdefault(table.profile(row), {})[name] = score
    return found


def _models(*, now: datetime) -> Mapping[str, Scoring]:
    """Return the models that serve, those aside whose features are not there any more."""
    models = {}
    for name in published_names():
        model = serving(name, now=now)
        if not isinstance(model, Predictor | Clusterer):
            continue
        try:
            feature_table([], features=model.features)
        except UnknownFeature as error:
            metrics.count("models.unknown_feature")
            logger.error("%s cannot score: %s", name, error, extra={"action": "unknown_feature"})
            continue
        models[name] = model
    return models


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
