"""What was said of visitors is judged when its time is over, by the version that said it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personalization.events.goals import Goal
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.calibrating import calibration
from personalization.ml.training.propensity_plan import CHURN
from personalization.ml.training.served_then import JUDGED
from personalization.ml.training.watched import Calibration
from personalization.profiles.models import Visit
from tests.factories import make_source
from tests.ml.training.conftest import DAY, HOUR, NOW, damage
from tests.ml.training.people import Log, days, few, logging, nightly, version_of

__all__ = ["make_source"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(make_source: Callable[..., Any]) -> Log:
    return logging(make_source())


@pytest.fixture
def goal() -> Goal:
    """A goal with the time that is shipped."""
    found = Goal.objects.create(slug="order", name="An order", event="Order Completed")
    assert found.within == timedelta(days=7)
    return found


@pytest.fixture
def ids(log: Log) -> list[int]:
    """Those that versions learn from: long ago, so that none of them is judged."""
    return log(at=NOW - 40 * DAY, pages=few)


def judged(version: ModelVersion) -> Calibration:
    found = calibration(version, now=NOW)
    assert found is not None
    return found


def test_with_a_training_each_night_what_is_not_true_any_more_is_told(
    log: Log, goal: Goal, ids: list[int]
) -> None:
    versions = nightly(ids, nights=22)
    days(log, first=20, last=8, pages=few, orders=0.7)
    found = judged(versions[-1])
    assert found.drift.verdict == "drifted"
    assert found.drift.rows == 13 * 20
    assert found.drift.now == pytest.approx(0.5, abs=0.1)
    assert not found.own


def test_with_a_training_each_night_what_is_true_is_steady(
    log: Log, goal: Goal, ids: list[int]
) -> None:
    versions = nightly(ids, nights=22)
    days(log, first=20, last=8, pages=few, orders=0.2)
    assert judged(versions[-1]).drift.verdict == "steady"


@pytest.mark.parametrize("age", [1, 2, 7])
def test_however_young_the_version_is_those_before_it_are_judged(
    log: Log, goal: Goal, ids: list[int], age: int
) -> None:
    versions = nightly(ids, nights=22)
    days(log, first=20, last=8, pages=few, orders=0.7)
    ModelVersion.objects.filter(pk__in=[each.pk for each in versions[22 - age + 1 :]]).delete()
    found = judged(versions[22 - age])
    assert found.drift.verdict == "drifted"


def test_of_what_nobody_knows_yet_it_is_said_how_much_is_known(
    log: Log, goal: Goal, ids: list[int]
) -> None:
    versions = nightly(ids, nights=9)
    days(log, first=20, last=1, pages=few)
    found = judged(versions[-1])
    assert found.drift.verdict == "unknown"
    assert found.drift.rows == 20  # those of one day: of eight days ago, when the first served
    assert found.sentence().startswith("20 scores from 2026-02-09 to 2026-02-23 can be judged")


def test_nobody_is_judged_by_what_was_said_later(log: Log, goal: Goal, ids: list[int]) -> None:
    version = version_of(ids, promoted_at=NOW - 8 * DAY + HOUR, window_until=NOW - 8 * DAY)
    log(at=NOW - 9 * DAY, pages=few, people=250)
    assert judged(version).drift.rows == 0
    log(at=NOW - 8 * DAY + 2 * HOUR, pages=few, people=250, seed=2)
    assert judged(version).drift.rows == 250


def test_each_score_is_of_the_version_that_served_then(
    log: Log, goal: Goal, ids: list[int]
) -> None:
    """One said little and one much; each is true of its own days alone."""
    retired = ModelVersion.Status.RETIRED
    version_of(ids, base=0.1, status=retired, promoted_at=NOW - 30 * DAY)
    later = version_of(ids, base=0.8, number=2, promoted_at=NOW - 14 * DAY, metrics={"ece": 0.03})
    days(log, first=20, last=15, people=70, pages=few, orders=0.1)
    days(log, first=13, last=8, people=70, pages=few, orders=0.8)
    found = judged(later)
    assert found.drift.verdict == "steady"
    assert found.drift.then == pytest.approx(0.02, abs=0.001)  # the mean of 0.01 and 0.03
    assert found.own


def test_versions_that_cannot_be_asked_any_more_are_left_out(
    log: Log, goal: Goal, ids: list[int], caplog: Any
) -> None:
    versions = nightly(ids, nights=22)
    days(log, first=20, last=8, pages=few, orders=0.7)
    damage(versions[3])
    ModelArtefact.objects.filter(version=versions[4]).delete()
    ModelVersion.objects.filter(pk=versions[5].pk).update(features_version="other")
    found = judged(versions[-1])
    assert found.drift.rows == 13 * 20  # by the one before them
    assert [each for each in caplog.messages if "propensity.order 4 is not judged" in each]


def test_who_left_is_judged_by_what_was_said_a_month_ago(log: Log, ids: list[int]) -> None:
    versions = nightly(ids, nights=46, name=CHURN)
    days(log, first=44, last=31, pages=few, people=20)  # nobody comes back
    found = judged(versions[-1])
    assert found.until == NOW - 30 * DAY
    assert found.since == found.until - JUDGED
    assert found.drift.verdict == "drifted"
    assert found.drift.now == pytest.approx(0.8, abs=0.1)
    left = found.drift.rows
    for visit in Visit.objects.exclude(profile__in=ids):
        Visit.objects.create(
            profile=visit.profile, started_at=NOW - 10 * DAY, ended_at=NOW - 10 * DAY, events=1
        )
    # Who came back has not left, whenever they were asked about within a month before.
    again = judged(versions[-1])
    assert again.drift.rows == left
    assert again.drift.now < found.drift.now


def test_of_a_goal_that_is_gone_or_a_model_of_no_window_nothing_is_judged(
    goal: Goal, ids: list[int]
) -> None:
    version = version_of(ids)
    version.window_from = None
    assert calibration(version, now=NOW) is None
    version.refresh_from_db()
    goal.delete()
    assert calibration(version, now=NOW) is None


def test_queries_do_not_grow_with_the_versions(
    log: Log, goal: Goal, ids: list[int], django_assert_num_queries: Any
) -> None:
    version = version_of(ids, promoted_at=NOW - 30 * DAY)
    days(log, first=20, last=8, pages=few)
    with CaptureQueriesContext(connection) as one:
        calibration(version, now=NOW)
    for number in range(2, 8):
        version_of(
            ids, number=number, promoted_at=NOW - (22 - number) * DAY,
            status=ModelVersion.Status.RETIRED,
        )  # fmt: skip
    with django_assert_num_queries(len(one)):
        assert judged(version).drift.rows == 13 * 20
