"""Whether versions that serve still see what they learned from, and whether what they say is true.

What is known of an instant depends on nothing later, so what was seen at the end of the training is
computed anew from the event log and compared with what is seen now; nothing has to be kept of it.
A model that is trained each night would hide whatever moves slowly: so now is also compared with
an instant a month ago.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import OperationalError, transaction

from personalization import hints, metrics
from personalization.ml.artefact import CorruptArtefact, unpacked
from personalization.ml.base import Clusterer, Predictor, Recommender
from personalization.ml.features.definitions import UnknownFeature
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.attempts import request
from personalization.ml.training.calibrating import calibration
from personalization.ml.training.drifting_features import features_watched
from personalization.ml.training.drifting_lists import lists_watched
from personalization.ml.training.known import planned
from personalization.ml.training.list_clicks import clicks_of
from personalization.ml.training.train import FAILURES
from personalization.ml.training.watched import MARK, Watched
from personalization.ml.unfit import UnfitData

logger = logging.getLogger(__name__)


def check_drift(*, now: datetime) -> list[Watched]:
    """Look at every version that serves and sees what visitors do; keep what is found with it.

    What has outgrown its training is trained anew. A feature or a model of a site that fails is
    a problem of that version, and the others are looked at.

    :raises OperationalError: if the database is gone.
    """
    serving = ModelVersion.objects.filter(status=ModelVersion.Status.SERVING).order_by("name")
    looked = (_looked_at(version, now=now) for version in list(serving))
    found = [each for each in looked if each is not None]
    plans = planned()
    for each in found:
        plan = plans.get(each.version.name)
        if each.is_outgrown and plan is not None:
            logger.warning("%s has drifted.", each.version, extra={"action": "model_drifted"})
            request(plan, now=now)
            hints.hint(hints.TRAIN_MODELS)
    return found


def _looked_at(version: ModelVersion, *, now: datetime) -> Watched | None:
    """Look at one version, and keep what is found or why nothing can be."""
    try:
        if (found := watched(version, now=now)) is not None:
            keep(found)
    except OperationalError:  # a server that restarts
        raise
    except FAILURES as error:
        metrics.count("models.drift_failed")
        logger.exception("%s cannot be watched.", version, extra={"action": "drift_failed"})
        found = Watched(version=version, at=now, problem=f"{type(error).__name__}: {error}")
        keep(found)
    return found


def watched(version: ModelVersion, *, now: datetime) -> Watched | None:
    """Return how far a version has moved; nothing is written. None of a model that is asked about
    nobody, as sequence rules are."""
    try:
        content = ModelArtefact.objects.filter(version=version).values_list("content", flat=True)
        stored = content.first()
        if stored is None:
            raise CorruptArtefact(f"Nothing is stored of {version}.")
        model = unpacked(bytes(stored), sha256=version.checksum)
        if isinstance(model, Recommender):
            columns, slow = lists_watched(version, model, now=now)
            clicks = clicks_of(version, now=now)
            return Watched(version=version, at=now, columns=columns, slow=slow, clicks=clicks)
        if not isinstance(model, Predictor | Clusterer):
            return None
        columns, slow = features_watched(version, model, now=now)
        judged = calibration(version, now=now)
        return Watched(version=version, at=now, columns=columns, slow=slow, calibration=judged)
    except (CorruptArtefact, UnfitData, UnknownFeature) as error:
        return Watched(version=version, at=now, problem=str(error))


def keep(found: Watched) -> None:
    """Put what was found in the place of what was the last time."""
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
        version.watched = found.written()
        version.save(update_fields=["metrics", "remarks", "watched"])
