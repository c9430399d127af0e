"""A goal that is given another event: what was trained for the old one says nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from personalization.events.goals import Goal
from personalization.ml.goal_events import event_of
from personalization.ml.models import ModelVersion
from personalization.ml.serving.loaded import FRESH, forget
from personalization.ml.serving.loaded import serving as asked
from personalization.ml.serving.published import published_fields
from personalization.ml.training.artefacts import stand_in
from personalization.ml.training.calibrating import calibration
from personalization.ml.training.known import plan_of
from personalization.ml.training.overview import model_states, warnings_of
from personalization.ml.training.versions import differences
from tests.factories import make_source
from tests.ml.training.conftest import DAY, HOUR, NOW, damage
from tests.ml.training.people import Log, few, logging, nightly
from tests.ml.training.people import days as logged
from tests.ml.training.test_propensity import few as few_enough
from tests.ml.training.test_propensity import goal, made, plan, shop
from tests.ml.training.test_propensity import log as visits

__all__ = ["few_enough", "goal", "make_source", "visits"]

pytestmark = pytest.mark.django_db
NAME = "propensity.order"
Status = ModelVersion.Status


@pytest.fixture(autouse=True)
def _afresh() -> None:
    forget()


@pytest.fixture
def log(make_source: Callable[..., Any]) -> Log:
    return logging(make_source())


@pytest.fixture
def people(log: Log) -> list[int]:
    return log(at=NOW - 40 * DAY, pages=few)


@pytest.fixture
def version(goal: Goal, people: list[int]) -> ModelVersion:
    """A version that serves, made for the event that the goal has."""
    (found,) = nightly(people, nights=1, config={"event": goal.event})
    return found


def change(event: str = "Signed Up") -> None:
    Goal.objects.update(event=event)


def serves(*, later: timedelta = timedelta(0)) -> bool:
    return asked(NAME, now=NOW + later) is not None


def test_a_training_keeps_the_event_and_without_data_of_the_new_one_nothing_serves(
    goal: Goal, few_enough: None, visits: Any
) -> None:
    shop(visits)
    first = made(plan())
    assert first.status == Status.SERVING, (first.error, first.remarks)
    assert event_of(first) == "Order Completed"
    assert serves()
    change()
    assert made(plan()).status == Status.LACKING
    first.refresh_from_db()
    assert first.status == Status.SERVING
    assert not serves(later=FRESH)
    change("Order Completed")
    assert serves(later=2 * FRESH)


def test_rules_still_know_the_feature_of_which_nothing_is_said(version: ModelVersion) -> None:
    change()
    assert not serves()
    assert list(published_fields()) == [NAME]


def test_why_it_says_nothing_is_told(version: ModelVersion) -> None:
    assert list(warnings_of(version, plan_of(NAME), now=NOW)) == []
    change()
    why = (
        "It was made for “Order Completed”, and its goal is “Signed Up” now: it says nothing until "
        "a version is trained for that."
    )
    assert list(warnings_of(version, plan_of(NAME), now=NOW)) == [why]
    (found,) = (each for each in model_states(now=NOW) if each.name == NAME)
    assert found.warnings == (why,)


def test_the_event_is_among_what_is_different(version: ModelVersion) -> None:
    other = ModelVersion(name=NAME, number=2, config={"event": "Signed Up"})
    (found,) = (each for each in differences(version, other) if each.what == "config.event")
    assert (found.one, found.other) == ("Order Completed", "Signed Up")


@pytest.mark.parametrize("config", [{}, {"event": None}, {"event": ["odd"]}])
def test_what_says_nothing_of_its_event_is_of_none(
    config: dict[str, Any], version: ModelVersion
) -> None:
    version.config = config
    assert event_of(version) == ""


def test_versions_of_before_the_event_was_kept_go_on(version: ModelVersion) -> None:
    ModelVersion.objects.update(config={"candidates": "logistic"})
    change()
    assert serves()


def test_what_goes_on_without_its_goal_goes_on(version: ModelVersion) -> None:
    Goal.objects.all().delete()
    assert serves()


def test_what_is_of_no_goal_is_not_asked_for_its_event(version: ModelVersion) -> None:
    ModelVersion.objects.update(name="churn")
    change()
    assert asked("churn", now=NOW) is not None


@pytest.mark.parametrize(("event", "stands_in"), [("Order Completed", True), ("Other", False)])
def test_in_the_place_of_a_damaged_version_serves_none_of_another_event(
    goal: Goal, people: list[int], event: str, stands_in: bool
) -> None:
    before, now_serving = nightly(people, nights=2, config={"event": goal.event})
    ModelVersion.objects.filter(pk=before.pk).update(config={"event": event})
    damage(now_serving)
    assert serves() is stands_in
    assert stand_in(now_serving) == (before if stands_in else None)


def test_nobody_is_judged_by_what_was_said_of_another_event(
    log: Log, goal: Goal, people: list[int]
) -> None:
    versions = nightly(people, nights=22, config={"event": goal.event})
    logged(log, first=20, last=8, pages=few, orders=0.7)
    found = calibration(versions[-1], now=NOW + HOUR)
    assert found is not None
    assert found.drift.rows
    change()
    found = calibration(versions[-1], now=NOW + HOUR)
    assert found is not None
    assert (found.drift.rows, found.own) == (0, False)
