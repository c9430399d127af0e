"""Whether a model of people still sees the features that it learned from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
from django.db.models import Exists, OuterRef

from personalization.clock import microseconds
from personalization.conf import settings
from personalization.ml.arrays import Doubles
from personalization.ml.base import Clusterer, Options, Predictor
from personalization.ml.consenting import CONSENTS
from personalization.ml.drift import drift, drifts, kinds_drift
from personalization.ml.features.table import FeatureTable, feature_table
from personalization.ml.models import ModelVersion
from personalization.ml.references import reference_of, references
from personalization.ml.training.served_then import first_served
from personalization.ml.training.watched import SCORE, Slow
from personalization.ml.unfit import UnfitData
from personalization.ml.verdicts import ColumnDrift
from personalization.profiles.models import Snapshot, Visit

#: People that are compared: of more, so many are drawn.
MOST = 3000
#: So long ago is what slow drift is told by; of a younger model, when it first served.
LONG = timedelta(days=30)
#: How much earlier that has to be than the training to say something else.
_EARLIER = timedelta(days=7)

Scoring: TypeAlias = Predictor[Any] | Clusterer[Any]


def features_watched(
    version: ModelVersion, model: Scoring, *, now: datetime
) -> tuple[Sequence[ColumnDrift], Slow | None]:
    """Return how far features and scores have moved since the training, and since long ago.

    :raises UnfitData: if nobody knows what it learned from, or features are others now.
    :raises UnknownFeature: if there is a feature no more.
    """
    if version.window_from is None or version.window_until is None:
        raise UnfitData("Nobody knows what it learned from.")
    length = version.window_until - version.window_from

    def table(until: datetime) -> FeatureTable:
        return _table(version, model, until=until, length=length)

    then, today = table(version.window_until), table(now)
    if then.version != version.features_version:
        raise UnfitData("Features are not defined any more as they were when it was trained.")
    slow = None
    since = long_ago(version.name, trained=version.window_until, now=now)
    if since is not None and since - length >= now - settings.RETENTION:
        slow = Slow(since=since, columns=_moved(model, table(since), today))
    return _moved(model, then, today), slow


def long_ago(name: str, *, trained: datetime, now: datetime) -> datetime | None:
    """Return an instant long before the training to compare with: a month ago, or when the model
    first served, if that was later; None if it is not long before."""
    first = first_served(name)
    if first is None:
        return None
    since = max(now - LONG, first)
    return since if since <= trained - _EARLIER else None


def _moved(model: Scoring, then: FeatureTable, now: FeatureTable) -> Sequence[ColumnDrift]:
    columns = drifts(references(then.rows, then.features), now.rows, now.features)
    return [*columns, _said(model, then.rows, now.rows)]


def _said(model: Scoring, then: Doubles, now: Doubles) -> ColumnDrift:
    if isinstance(model, Clusterer):  # numbers of groups have no order
        return kinds_drift(
            SCORE, *([str(one) for one in model.score(each)] for each in (then, now))
        )
    scores = [np.asarray(model.score(each), np.float64) for each in (then, now)]
    return drift(SCORE, reference_of(scores[0]), scores[1])


def _table(
    version: ModelVersion, model: Scoring, *, until: datetime, length: timedelta
) -> FeatureTable:
    """Return the features, at an instant, of those who were there in so long a time before."""
    visits = Visit.objects.filter(
        profile=OuterRef("pk"), started_at__lt=until, ended_at__gte=until - length
    )
    there = Snapshot.objects.filter(Exists(visits), **{CONSENTS: True})
    ids = np.array(there.order_by("pk").values_list("pk", flat=True), np.int64)
    chosen = np.sort(Options(seed=version.seed).rng().permutation(ids)[:MOST]).tolist()
    at = microseconds(until) - 1
    return feature_table([(pk, at) for pk in chosen], features=model.features)
