"""What goes wrong with one version that is watched is told of that one alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import OperationalError

from personalization.ml.models import ModelVersion
from personalization.ml.training import drifting
from personalization.ml.training.drifting import check_drift
from personalization.ml.training.drifting_features import features_watched
from personalization.ml.training.watched import MARK, Calibration, Watched
from personalization.ml.verdicts import CalibrationDrift
from tests.delivery.rendering import counted
from tests.factories import make_source
from tests.ml.training.conftest import DAY, NOW
from tests.ml.training.people import TRAINED, Log, few, logging, version_of

__all__ = ["make_source"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(make_source: Callable[..., Any]) -> Log:
    return logging(make_source())


def failing(version: ModelVersion, error: Exception) -> Callable[..., Any]:
    """Return a look at features that fails for one version."""

    def watched(each: ModelVersion, model: Any, *, now: datetime) -> Any:
        if each == version:
            raise error
        return features_watched(each, model, now=now)

    return watched


def odd_only(each: ModelVersion, odd: ModelVersion, *, now: datetime) -> Calibration | None:
    if each != odd:
        return None
    drift = CalibrationDrift(rows=300, then=0.1, now=math.nan, by_chance=0.1, verdict="steady")
    return Calibration(drift=drift, since=now - DAY, until=now, own=True)


def test_a_feature_of_the_site_that_raises_is_said_and_the_others_are_looked_at(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = log(at=TRAINED - 5 * DAY, pages=few)
    broken, well = version_of(ids), version_of(ids, name="propensity.visit")
    before = counted("models.drift_failed")
    monkeypatch.setattr(
        drifting, "features_watched", failing(broken, ZeroDivisionError("of a site"))
    )
    found = check_drift(now=NOW)
    assert [each.problem for each in found] == ["ZeroDivisionError: of a site", ""]
    broken.refresh_from_db()
    assert broken.remarks == ["As trained.", f"{MARK}ZeroDivisionError: of a site"]
    well.refresh_from_db()
    assert "drift_psi" in well.metrics
    assert counted("models.drift_failed") == before + 1


def test_what_cannot_be_kept_is_said_and_the_others_are_looked_at(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures of a model that says what is no number: no database takes these."""
    ids = log(at=TRAINED - 5 * DAY, pages=few)
    odd = version_of(ids)
    version_of(ids, name="propensity.visit")
    monkeypatch.setattr(drifting, "calibration", lambda each, *, now: odd_only(each, odd, now=now))
    found = check_drift(now=NOW)
    assert [bool(each.problem) for each in found] == [True, False]
    odd.refresh_from_db()
    assert odd.remarks[-1] == f"{MARK}{found[0].problem}"
    assert Watched.read(odd) == found[0]


def test_without_a_database_the_look_ends(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    gone = failing(version, OperationalError("restarts"))
    monkeypatch.setattr(drifting, "features_watched", gone)
    with pytest.raises(OperationalError):
        check_drift(now=NOW)
    version.refresh_from_db()
    assert version.watched == {}
