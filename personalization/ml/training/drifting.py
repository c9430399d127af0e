"""Whether versions that serve still see what they learned from, and whether what they say is true.

Features know nothing later than their instant, so those of the end of the training are computed
anew from the event log and compared with those of now; nothing has to be kept of them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import transaction

from personalization import hints
from personalization.clock import microseconds
from personalization.events.goals import Goal
from personalization.ml.artefact import CorruptArtefact, unpacked
from personalization.ml.base import Clusterer, Model, Options, Predictor
from personalization.ml.consenting import CONSENTS
from personalization.ml.drift import (
    CalibrationDrift,
    ColumnDrift,
    Verdict,
    calibration_drift,
    drift,
    drifts,
    worst,
)
from personalization.ml.features.definitions import UnknownFeature
from personalization.ml.features.table import FeatureTable, feature_table
from personalization.ml.interactions import UnfitData
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.references import reference_of, references
from personalization.ml.training.attempts import request
from personalization.ml.training.known import planned
from personalization.ml.training.outcomes import of_goal, with_features
from personalization.ml.training.propensity_plan import PROPENSITY
from personalization.profiles.models import Snapshot

logger = logging.getLogger(__name__)

#: People that are compared: of more, so many are drawn.
MOST = 3000
#: What remarks of this begin with, by which they are replaced.
MARK = "Drift: "
SCORE = "what it says"
_TOLD = 5


@dataclass(frozen=True, kw_only=True)
class Watched:
    """How far what a version sees and says has moved since it was trained."""

    version: ModelVersion
    #: Its features, the furthest first, and the scores.
    columns: Sequence[ColumnDrift] = ()
    calibration: CalibrationDrift | None = None
    #: Why nothing can be said.
    problem: str = ""

    @property
    def verdict(self) -> Verdict:
        found: list[Verdict] = [worst(self.columns)]
        if self.calibration is not None:
            found.append(self.calibration.verdict)
        order: tuple[Verdict, ...] = ("drifted", "moved", "steady")
        return next((each for each in order if each in found), "unknown")

    def figures(self) -> Mapping[str, float]:
        found = {}
        if told := [each for each in self.columns if each.verdict != "unknown"]:
            found["drift_psi"] = max(each.psi for each in told)
            found["drift_ks"] = max(each.ks for each in told)
        if self.calibration is not None and self.calibration.verdict != "unknown":
            found["drift_ece"] = self.calibration.now
        return found

    def remarks(self) -> list[str]:
        """Return what is to be looked at, in sentences."""
        if self.problem:
            return [f"{MARK}{self.problem}"]
        moved = [each for each in self.columns if each.verdict in ("moved", "drifted")]
        told = [f"{MARK}{each.sentence()}" for each in moved[:_TOLD]]
        off = self.calibration
        if off is not None and off.verdict in ("moved", "drifted"):
            told.append(
                f"{MARK}its probabilities are off by {off.now:.3f} on average, {off.then:.3f} when "
                f"it was trained ({off.rows} rows)."
            )
        return told


def check_drift(*, now: datetime) -> list[Watched]:
    """Look at every version that serves and learned from features; keep what is found with it.

    What has drifted is trained anew.
    """
    serving = ModelVersion.objects.filter(status=ModelVersion.Status.SERVING)
    found = [
        watched(version, now=now)
        for version in serving.exclude(features_version="").order_by("name")
    ]
    plans = planned()
    for each in found:
        keep(each)
        plan = plans.get(each.version.name)
        if each.verdict == "drifted" and plan is not None:
            logger.warning("%s has drifted.", each.version, extra={"action": "model_drifted"})
            request(plan, now=now)
            hints.hint(hints.TRAIN_MODELS)
    return found


def watched(version: ModelVersion, *, now: datetime) -> Watched:
    """Return how far a version has moved; nothing is written."""
    try:
        model = _model(version)
        then, today = _tables(version, model, now=now)
        columns = drifts(references(then.rows, then.features), today.rows, today.features)
        scores = [np.asarray(model.score(each.rows), np.float64) for each in (then, today)]
        said = drift(SCORE, reference_of(scores[0]), scores[1])
        return Watched(
            version=version, columns=[*columns, said], calibration=_calibration(version, model, now)
        )
    except (CorruptArtefact, UnfitData, UnknownFeature) as error:
        return Watched(version=version, problem=str(error))


def _model(version: ModelVersion) -> Predictor[Any] | Clusterer[Any]:
    content = ModelArtefact.objects.filter(version=version).values_list("content", flat=True)
    stored = content.first()
    if stored is None:
        raise CorruptArtefact(f"Nothing is stored of {version}.")
    model: Model[Any] = unpacked(bytes(stored), sha256=version.checksum)
    if not isinstance(model, Predictor | Clusterer):
        raise CorruptArtefact(f"{version} sees no features: it is “{model.algorithm}”.")
    return model


def _tables(
    version: ModelVersion, model: Predictor[Any] | Clusterer[Any], *, now: datetime
) -> tuple[FeatureTable, FeatureTable]:
    """Return the features, at the end of the training and now, of those who were there in as
    long a time before."""
    if version.window_from is None or version.window_until is None:
        raise UnfitData("Nobody knows what it learned from.")
    length = version.window_until - version.window_from
    rng = Options(seed=version.seed).rng()
    found = []
    for until in (version.window_until, now):
        there = Snapshot.objects.filter(
            first_seen__lt=until, last_seen__gte=until - length, **{CONSENTS: True}
        )
        ids = np.array(there.order_by("pk").values_list("pk", flat=True), np.int64)
        chosen = np.sort(rng.permutation(ids)[:MOST]).tolist()
        at = microseconds(until) - 1
        found.append(feature_table([(pk, at) for pk in chosen], features=model.features))
    if found[0].version != version.features_version:
        raise UnfitData("Features are not defined any more as they were when it was trained.")
    return found[0], found[1]


def _calibration(
    version: ModelVersion, model: Predictor[Any] | Clusterer[Any], now: datetime
) -> CalibrationDrift | None:
    """Return whether probabilities of a goal are true of what came after the training."""
    kind, _, slug = version.name.partition(".")
    goal = Goal.objects.filter(slug=slug).first() if kind == PROPENSITY else None
    if goal is None or version.window_until is None or not isinstance(model, Predictor):
        return None
    try:
        found = of_goal(
            goal.event,
            within=goal.within,
            since=version.window_until,
            until=now,
            rng=Options(seed=version.seed).rng(),
            features=model.features,
        )
    except UnfitData:  # nothing has come since that could be judged
        return None
    examples = with_features(found.examples, model.features)
    return calibration_drift(
        examples.labels, model.score(examples.rows), then=float(version.metrics.get("ece", 0.0))
    )


def keep(found: Watched) -> None:
    """Put figures and remarks in the place of those of the last time."""
    with transaction.atomic():
        version = ModelVersion.objects.select_for_update().filter(pk=found.version.pk).first()
        if version is None:  # pruned meanwhile
            return
        others = {
            name: value for name, value in version.metrics.items() if not name.startswith("drift_")
        }
        version.metrics = {**others, **found.figures()}
        version.remarks = [
            *(each for each in version.remarks if not each.startswith(MARK)), *found.remarks(),
        ]  # fmt: skip
        version.save(update_fields=["metrics", "remarks"])
