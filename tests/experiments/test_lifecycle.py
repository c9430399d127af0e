"""An experiment begins once, ends once, and not before it is whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personalization.delivery.published import current_revision
from personalization.events.goals import Goal
from personalization.experiments.heard import heard_of
from personalization.experiments.lifecycle import CannotStart, NotRunning, obstacles, start, stop
from personalization.experiments.models import Arm, Experiment, Measure, Metric
from personalization.experiments.validation import Known

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def goal(db: None) -> Goal:
    return Goal.objects.create(slug="order", name="Order", event="Order Completed")


@pytest.fixture
def make(goal: Goal) -> Callable[..., Experiment]:
    metric = Metric.objects.create(slug="orders", name="Orders", kind="conversion", goal=goal)

    def made(slug: str = "hero", *contents: str, **fields: Any) -> Experiment:
        usual = {"name": slug.capitalize(), "kind": "variations", "place": "hero"}
        experiment = Experiment.objects.create(slug=slug, **{**usual, **fields})
        for n, content in enumerate(contents or ("", "variation:1")):
            share = 1 / len(contents or "ab")
            Arm.objects.create(
                experiment=experiment, key="abc"[n], content=content, position=n, weight=share
            )
        Measure.objects.create(experiment=experiment, metric=metric)
        return experiment

    return made


def codes(error: pytest.ExceptionInfo[CannotStart]) -> set[str]:
    return {fault.code for fault in error.value.faults}


def test_what_is_whole_starts_and_is_published(make):
    experiment, before = make(), current_revision()
    begun = start(experiment, now=NOW)
    experiment.refresh_from_db()
    assert begun == experiment
    assert (experiment.status, experiment.started_at) == ("running", NOW)
    assert experiment.seed == "hero"  # so that another slug changes nobody's arm
    assert current_revision() > before


def test_a_seed_that_was_given_stays(make):
    assert start(make(seed="mine"), now=NOW).seed == "mine"


def test_what_is_not_whole_says_all_that_is_missing_and_does_not_start(make):
    experiment = make("hero", "variation:1", place="")
    Measure.objects.all().delete()
    with pytest.raises(CannotStart) as error:
        start(experiment, now=NOW)
    assert codes(error) == {"no_place", "few_arms", "no_primary"}
    assert "two arms" in str(error.value)
    experiment.refresh_from_db()
    assert (experiment.status, experiment.started_at) == ("draft", None)


def test_contents_are_judged_where_they_are_known(make):
    experiment = make()
    with pytest.raises(CannotStart) as error:
        start(experiment, now=NOW, known=Known(contents={""}))
    assert codes(error) == {"unknown"}


def test_an_end_that_is_over_keeps_it_from_starting(make):
    with pytest.raises(CannotStart) as error:
        start(make(ends_at=NOW), now=NOW)
    assert codes(error) == {"over"}
    assert start(make("later", place="footer", ends_at=NOW + DAY), now=NOW).status == "running"


def test_of_two_with_one_part_of_a_namespace_the_second_does_not_start(make):
    start(make("one", namespace="shop", namespace_until=0.5), now=NOW)
    with pytest.raises(CannotStart) as error:
        start(make("two", namespace="shop", namespace_from=0.4, place="footer"), now=NOW)
    assert "“One” has 0 % to 50 %" in str(error.value)
    assert start(make("three", namespace="shop", namespace_from=0.5), now=NOW)


def test_a_warning_does_not_keep_it_from_starting(make):
    start(make("one"), now=NOW)
    two = make("two")
    assert [fault.code for fault in obstacles(two, now=NOW)] == ["same_slot"]
    assert start(two, now=NOW).status == "running"


@pytest.mark.parametrize(("status", "told"), [("running", "runs already"), ("stopped", "is over")])
def test_what_runs_or_is_over_does_not_start_again(make, status, told):
    with pytest.raises(CannotStart, match=told):
        start(make(status=status), now=NOW)


def test_what_is_gone_neither_starts_nor_stops(make):
    experiment = make()
    Experiment.objects.all().delete()
    with pytest.raises(CannotStart, match="no such experiment"):
        start(experiment, now=NOW)
    with pytest.raises(NotRunning):
        stop(experiment, now=NOW)


def test_what_runs_is_stopped_once_with_what_came_of_it(make):
    experiment = start(make(), now=NOW)
    before = current_revision()
    stopped = stop(experiment, now=NOW + DAY, conclusion="B won")
    assert (stopped.status, stopped.stopped_at) == ("stopped", NOW + DAY)
    assert stopped.conclusion == "B won"
    assert current_revision() > before
    with pytest.raises(NotRunning):
        stop(experiment, now=NOW + 2 * DAY, conclusion="A won")
    experiment.refresh_from_db()
    assert experiment.conclusion == "B won"


def test_stopping_keeps_what_was_concluded_before(make):
    assert stop(make(status="running", conclusion="wait"), now=NOW).conclusion == "wait"


def test_a_draft_is_not_stopped(make):
    with pytest.raises(NotRunning, match="nothing to stop"):
        stop(make(), now=NOW)


# -- whether goals are heard of -------------------------------------------------------------


def test_events_of_a_goal_are_counted_over_thirty_days(goal, make_profile, make_event):
    silent = Goal.objects.create(slug="call", name="Call", event="Called")
    never = Goal.objects.create(slug="fax", name="Fax", event="Faxed")
    visitor = make_profile()
    for days in (1, 2, 29, 31, -1):  # one too old, one still to come
        make_event(visitor, "Order Completed", at=NOW - days * DAY)
    make_event(visitor, "Called", at=NOW - 40 * DAY)
    heard = heard_of([goal, silent, never], now=NOW)
    assert (heard["Order Completed"].n, heard["Order Completed"].last) == (3, NOW - DAY)
    assert (heard["Called"].n, heard["Called"].last) == (0, NOW - 40 * DAY)
    assert (heard["Faxed"].n, heard["Faxed"].last) == (0, None)


def test_of_no_goals_nothing_is_asked(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert heard_of([], now=NOW) == {}
