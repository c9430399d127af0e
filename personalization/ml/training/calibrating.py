"""Whether what was said of visitors came true: each score as the version said it that served then.

A score is judged when its time is over: a goal has so many days to follow, and who has left is
known after 30. With a training each night the version that serves has said nothing yet of which
the end is known; those before it have.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from personalization.clock import microseconds
from personalization.events.goals import Goal
from personalization.ml.artefact import CorruptArtefact, unpacked
from personalization.ml.base import Options, Predictor
from personalization.ml.drift import calibration_drift
from personalization.ml.examples import Examples
from personalization.ml.features.definitions import UnknownFeature
from personalization.ml.features.table import feature_table
from personalization.ml.goal_events import of_its_goal
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.outcomes import of_goal, of_leaving, with_features
from personalization.ml.training.propensity_plan import AWAY, CHURN
from personalization.ml.training.served_then import JUDGED, horizon_of, served
from personalization.ml.training.watched import Calibration
from personalization.ml.verdicts import CalibrationDrift
from personalization.types import Microseconds

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Speaker:
    """A version that served, its model, and since when."""

    version: ModelVersion
    model: Predictor[Any]
    began: Microseconds


def calibration(version: ModelVersion, *, now: datetime) -> Calibration | None:
    """Return whether probabilities of the model came true; None where it says none.

    Nobody's score is judged by a version that began to serve later: it may have learned the end.
    """
    horizon = horizon_of(version.name)
    if horizon is None or version.window_from is None or version.window_until is None:
        return None
    until = now - horizon
    since = until - JUDGED
    speakers = list(_speakers(version.name, since=since, until=until))
    return Calibration(
        drift=_judged(speakers, version, since=since, now=now) if speakers else _nothing(),
        since=since,
        until=until,
        own=any(each.version.pk == version.pk for each in speakers),
    )


def _nothing() -> CalibrationDrift:
    return calibration_drift(np.empty(0), np.empty(0), then=0.0)


def _speakers(name: str, *, since: datetime, until: datetime) -> Iterator[_Speaker]:
    """Yield the versions that served then whose artefacts are kept and can be read, in order; none
    that was made for another event than the goal has now, by which all are judged."""
    versions = served(name, since=since, until=until)
    numbers = [version.pk for version in versions]
    fit = of_its_goal(ModelVersion.objects.filter(pk__in=numbers), name)
    kept = ModelArtefact.objects.filter(version__in=fit.values("pk"))
    contents = dict(kept.values_list("version", "content"))
    for version in versions:
        content = contents.pop(version.pk, None)
        if content is None or version.promoted_at is None:
            continue
        try:
            model = unpacked(bytes(content), sha256=version.checksum)
            if isinstance(model, Predictor) and _is_defined_as_then(version, model):
                yield _Speaker(
                    version=version, model=model, began=microseconds(version.promoted_at)
                )
        except (CorruptArtefact, UnknownFeature) as error:
            logger.warning("%s is not judged: %s", version, error)


def _is_defined_as_then(version: ModelVersion, model: Predictor[Any]) -> bool:
    return feature_table((), features=model.features).version == version.features_version


def _judged(
    speakers: Sequence[_Speaker], version: ModelVersion, *, since: datetime, now: datetime
) -> CalibrationDrift:
    examples = _examples(speakers, version, since=since, now=now)
    begun = [each.began for each in speakers]
    who = np.array([bisect_right(begun, int(at)) - 1 for at in examples.at], np.int32)
    said = np.full(len(examples), np.nan)
    for place, each in enumerate(speakers):
        if (mine := who == place).any():
            rows = with_features(examples.where(mine), each.model.features).rows
            said[mine] = each.model.score(rows)
    heard = who >= 0
    if not heard.any():
        return _nothing()
    trained = np.array([float(each.version.metrics.get("ece", 0.0)) for each in speakers])
    return calibration_drift(
        examples.labels[heard], said[heard], then=float(trained[who[heard]].mean())
    )


def _examples(
    speakers: Sequence[_Speaker], version: ModelVersion, *, since: datetime, now: datetime
) -> Examples:
    """Return rows of instants from `since` on of which the end is known, with the features of all
    who spoke."""
    features = tuple(dict.fromkeys(name for each in speakers for name in each.model.features))
    rng = Options(seed=version.seed).rng()
    if version.name == CHURN:
        assert version.window_from is not None
        assert version.window_until is not None
        begin = now - (version.window_until - version.window_from)
        return of_leaving(
            away=AWAY, since=begin, until=now, rng=rng, features=features, asked=since
        )
    goal = Goal.objects.get(slug=version.name.partition(".")[2])
    return of_goal(
        goal.event, within=goal.within, since=since, until=now, rng=rng, features=features
    )
