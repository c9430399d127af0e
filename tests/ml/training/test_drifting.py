"""Versions that serve are watched: what they see, what they say, and whether it is true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from personalization import hints
from personalization.clock import microseconds
from personalization.events.goals import Goal
from personalization.ml.artefact import checksum, packed
from personalization.ml.base import Options
from personalization.ml.clusters.kmeans import KMeans, KMeansConfig
from personalization.ml.features.table import feature_table
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.sequences.rules import SequenceRules
from personalization.ml.threads import one_thread
from personalization.ml.training import drifting_features
from personalization.ml.training.drifting import check_drift, keep, watched
from personalization.ml.training.watched import MARK, SCORE, Watched
from personalization.ml.verdicts import worst
from personalization.profiles.models import Snapshot, Visit
from tests.factories import make_source
from tests.ml.training.conftest import DAY, MINUTE, NOW, damage
from tests.ml.training.people import (
    FEATURES,
    TRAINED,
    Log,
    Status,
    few,
    logging,
    many,
    nightly,
    version_of,
)

__all__ = ["make_source"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(make_source: Callable[..., Any]) -> Log:
    return logging(make_source())


def seen(version: ModelVersion) -> Watched:
    found = watched(version, now=NOW)
    assert found is not None
    return found


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr(hints, "hint", seen.append)
    return seen


def test_the_same_people_are_steady(log: Log, hinted: list[str]) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    log(at=NOW - 5 * DAY, pages=few, seed=2)
    (found,) = check_drift(now=NOW)
    assert found.problem == ""
    assert found.verdict == "steady"
    version.refresh_from_db()
    assert version.metrics["drift_psi"] < 0.1
    assert version.metrics["ap"] == 0.4
    assert version.remarks == ["As trained."]
    assert hinted == []


def test_other_people_are_drift_and_have_it_trained_anew(log: Log, hinted: list[str]) -> None:
    Goal.objects.create(slug="order", name="An order", event="Order Completed")
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    log(at=NOW - 5 * DAY, pages=many, people=400, seed=2)
    (found,) = check_drift(now=NOW)
    assert found.verdict == "drifted"
    assert found.columns[0].name == "pages.count"
    version.refresh_from_db()
    assert version.metrics["drift_psi"] > 0.25
    assert version.remarks[0] == "As trained."
    assert version.remarks[1].startswith("Drift: “pages.count” is drifted (PSI ")
    assert ModelVersion.objects.get(status=Status.TRAINING).name == "propensity.order"
    assert hinted == [hints.TRAIN_MODELS]


def test_what_was_said_the_last_time_is_replaced(log: Log) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    log(at=NOW - 5 * DAY, pages=many, people=400, seed=2)
    check_drift(now=NOW)
    check_drift(now=NOW)
    version.refresh_from_db()
    assert (
        len([each for each in version.remarks if each.startswith(MARK)])
        == len(set(version.remarks)) - 1
    )


def test_probabilities_that_are_not_true_any_more_are_told_and_trained_anew(
    log: Log, hinted: list[str]
) -> None:
    Goal.objects.create(slug="order", name="An order", event="Order Completed", within=3 * DAY)
    version = version_of(
        log(at=TRAINED - 5 * DAY, pages=few), base=0.2, promoted_at=TRAINED + MINUTE
    )
    log(at=NOW - 8 * DAY, pages=few, orders=0.7, people=250, seed=2)
    (found,) = check_drift(now=NOW)
    assert found.calibration is not None
    assert found.calibration.own
    assert found.calibration.drift.verdict == "drifted"
    assert found.calibration.drift.rows == 250
    assert "were off by" in found.remarks()[-1]
    assert found.figures()["drift_ece"] > 0.2
    assert ModelVersion.objects.filter(name=version.name, status=Status.TRAINING).count() == 1
    assert hinted == [hints.TRAIN_MODELS]


def test_of_a_goal_that_is_gone_no_probability_is_judged(log: Log) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    assert seen(version).calibration is None


def test_who_does_not_consent_is_not_looked_at(log: Log) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    log(at=NOW - 5 * DAY, pages=many, people=400, consent=False)
    assert seen(version).verdict == "steady"


def test_too_few_people_say_nothing(log: Log) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few, people=100))
    found = seen(version)
    assert found.verdict == "unknown"
    assert found.figures() == {}
    assert found.remarks() == []


def test_of_many_people_some_are_drawn(log: Log, monkeypatch: Any) -> None:
    monkeypatch.setattr(drifting_features, "MOST", 205)
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    assert {each.rows for each in seen(version).columns} == {205}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"features_version": "other"}, "not defined any more as they were"),
        ({"window_from": None}, "Nobody knows what it learned from"),
    ],
)
def test_what_cannot_be_compared_is_said(log: Log, fields: Any, says: str) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few), **fields)
    (found,) = check_drift(now=NOW)
    assert says in found.problem
    version.refresh_from_db()
    assert says in version.remarks[-1]


def test_a_damaged_artefact_is_said_and_the_others_are_looked_at(log: Log) -> None:
    ids = log(at=TRAINED - 5 * DAY, pages=few)
    damage(version_of(ids))
    version_of(ids, name="propensity.visit")
    found = check_drift(now=NOW)
    assert [bool(each.problem) for each in found] == [True, False]


def test_only_what_serves_is_looked_at(log: Log) -> None:
    version_of(log(at=TRAINED - 5 * DAY, pages=few), status=Status.CANDIDATE)
    assert check_drift(now=NOW) == []


def test_nothing_known_is_no_verdict() -> None:
    assert Watched(version=ModelVersion(name="x", number=1), at=NOW).verdict == "unknown"


def test_what_is_gone_is_said_and_what_is_asked_about_nobody_is_passed_over(log: Log) -> None:
    ids = log(at=TRAINED - 5 * DAY, pages=few)
    gone = version_of(ids)
    gone.artefact.delete()
    assert "Nothing is stored of propensity.order 1" in seen(gone).problem
    steps = version_of(ids, name="steps")
    content = packed(SequenceRules())
    ModelArtefact.objects.filter(version=steps).update(content=content)
    steps.checksum = checksum(content)
    steps.save()
    assert watched(steps, now=NOW) is None
    assert [each.version for each in check_drift(now=NOW)] == [gone]


def test_a_version_that_was_pruned_meanwhile_is_no_fault(log: Log) -> None:
    version = version_of(log(at=TRAINED - 5 * DAY, pages=few))
    found = seen(version)
    ModelVersion.objects.all().delete()
    keep(found)
    assert not ModelVersion.objects.exists()


# -- slowly ----------------------------------------------------------------------------------


def test_what_moves_slowly_is_told_though_each_night_learns_it(log: Log, hinted: list[str]) -> None:
    old = log(at=NOW - 45 * DAY, pages=few, people=300)
    versions = nightly(old, nights=35)
    log(at=NOW - 4 * DAY, pages=many, people=900, seed=2)
    found = seen(versions[-1])
    assert worst(found.columns) == "steady"
    assert found.slow is not None
    assert found.slow.since == NOW - 30 * DAY
    assert worst(found.slow.columns) == found.verdict == "drifted"
    assert found.figures()["drift_slow_psi"] > 0.25 > found.figures()["drift_psi"]
    assert f"{MARK}since 2026-01-31 “" in found.remarks()[0]
    # The version of last night has learned from them already.
    check_drift(now=NOW)
    assert hinted == []


def test_a_younger_model_is_compared_with_when_it_first_served(log: Log) -> None:
    versions = nightly(log(at=NOW - 45 * DAY, pages=few), nights=10)
    found = seen(versions[-1])
    assert found.slow is not None
    assert found.slow.since == versions[0].promoted_at


def test_a_model_of_this_week_has_nothing_long_ago(log: Log) -> None:
    versions = nightly(log(at=NOW - 45 * DAY, pages=few), nights=5)
    assert seen(versions[-1]).slow is None


def test_what_the_log_keeps_no_more_is_not_compared_with(log: Log, settings: Any) -> None:
    versions = nightly(log(at=NOW - 45 * DAY, pages=few), nights=35)
    settings.PERSONALIZATION_RETENTION = 100 * DAY
    assert seen(versions[-1]).slow is None


def test_who_came_back_later_was_not_there_then(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is seen again after the training had been away at its end, and is not counted."""
    ids = log(at=TRAINED - 5 * DAY, pages=few)
    version = version_of(ids)
    gone = log(at=TRAINED - 90 * DAY, pages=many, people=300, seed=3)
    Snapshot.objects.filter(pk__in=gone).update(last_seen=NOW - DAY)
    wanted: list[int] = []

    def table(asked: Any, *, features: Any) -> Any:
        wanted.extend(pk for pk, _at in asked)
        return feature_table(asked, features=features)

    monkeypatch.setattr(drifting_features, "feature_table", table)
    seen(version)
    assert set(wanted) == set(ids)


# -- groups ----------------------------------------------------------------------------------


def groups_of(ids: list[int]) -> ModelVersion:
    """Return a version that serves, of two groups of what people had done by its training."""
    version = version_of(ids, name="cluster.visitors", algorithm="kmeans")
    table = feature_table([(pk, microseconds(TRAINED) - 1) for pk in ids], features=FEATURES)
    model = KMeans(KMeansConfig(k=2))
    model.features = FEATURES
    with one_thread():
        content = packed(model.fit(table.rows, Options()))
    ModelArtefact.objects.filter(version=version).update(content=content)
    version.checksum = checksum(content)
    version.save()
    return version


def test_groups_of_other_sizes_are_drift_and_say_no_probabilities(log: Log) -> None:
    version = groups_of(log(at=TRAINED - 5 * DAY, pages=few))
    assert {each.verdict for each in seen(version).columns} == {"steady"}
    log(at=NOW - 5 * DAY, pages=many, people=400, seed=2)
    found = seen(version)
    assert found.calibration is None
    (said,) = (each for each in found.columns if each.name == SCORE)
    assert said.verdict == "drifted"


@pytest.mark.parametrize("of", [version_of, groups_of], ids=["probabilities", "groups"])
def test_where_nobody_is_any_more_nothing_is_said(log: Log, of: Any) -> None:
    version = of(log(at=TRAINED - 5 * DAY, pages=few))
    Visit.objects.all().delete()
    found = seen(version)
    assert found.problem == ""
    assert found.verdict == "unknown"
    assert {each.rows for each in found.columns} == {0}
