"""Models are trained in the night, those that know somebody who was erased at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.models import ModelVersion
from personalization.ml.training.schedule import OUTDATED_PAUSE, due, next_training
from tests.effort import examples
from tests.ml.training.conftest import DAY, HOUR, MINUTE, NOW
from tests.ml.training.counting import plan

instants = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))
Trained = Callable[..., ModelVersion]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("begun", "again"),
    [
        (at(2, 3), at(3, 3)),
        (at(2, 3, 20), at(3, 3)),  # it took its turn late
        (at(2, 12), at(3, 3)),
        (at(2, 20), at(4, 3)),  # by hand, in the evening
        (at(2, 0), at(3, 3)),
    ],
)
def test_a_day_later_means_in_the_next_night(begun: datetime, again: datetime) -> None:
    assert next_training(begun, period=DAY) == again


def test_a_week_later_means_in_a_night_too() -> None:
    assert next_training(at(2, 3), period=7 * DAY) == at(9, 3)


def test_what_is_trained_more_often_does_not_wait_for_the_night() -> None:
    assert next_training(at(2, 12), period=6 * HOUR) == at(2, 18)


def test_it_is_night_where_the_site_is(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    night = next_training(at(2, 3), period=DAY)
    assert night.astimezone(ZoneInfo("Asia/Tokyo")).hour == 3
    assert night == at(2, 18)


@examples(100)
@given(begun=instants, days=st.integers(1, 30))
def test_the_next_one_is_about_a_period_later(begun: datetime, days: int) -> None:
    later = next_training(begun, period=days * DAY) - begun
    assert days * DAY - DAY / 2 <= later < days * DAY + DAY / 2


@pytest.mark.django_db
def test_each_is_due_once_a_night(trained: Trained) -> None:
    assert due([plan()], now=NOW) == [plan()]
    trained(now=at(2, 12))
    assert due([plan()], now=at(3, 2, 59)) == []
    assert due([plan()], now=at(3, 3)) == [plan()]
    trained(now=at(3, 3, 1))
    assert due([plan()], now=at(3, 3, 2)) == []


@pytest.mark.django_db
def test_while_something_serves_a_failed_one_waits_for_the_next_night(trained: Trained) -> None:
    trained(now=at(2, 3))
    version = trained(plan(config={"power": 99}), now=at(3, 3))
    assert version.status == ModelVersion.Status.FAILED
    assert due([plan()], now=at(3, 4)) == []
    assert due([plan()], now=at(4, 3)) == [plan()]


@pytest.mark.django_db
def test_while_nothing_serves_it_is_tried_again_soon_and_then_later_and_later(
    trained: Trained,
) -> None:
    broken = plan(config={"power": 99})
    now = at(2, 12)
    for pause in (1, 2, 4, 8):
        trained(broken, now=now)
        assert due([broken], now=now + (pause - 1) * MINUTE) == []
        now += pause * MINUTE
        assert due([broken], now=now) == [broken]
    for _ in range(20):
        trained(broken, now=now)
    assert due([broken], now=at(3, 2, 59)) == []
    assert due([broken], now=at(3, 3)) == [broken]


@pytest.mark.django_db
def test_who_knows_somebody_who_was_erased_comes_first_and_does_not_wait(trained: Trained) -> None:
    plans = [plan("a"), plan("b"), plan("c")]
    trained(plans[0], now=NOW - 2 * DAY)
    trained(plans[1], now=NOW - HOUR)
    trained(plans[2], now=NOW - MINUTE)
    ModelVersion.objects.exclude(name="a").update(outdated_since=NOW)
    assert due(plans, now=NOW) == [plans[1], plans[0]]
    assert due(plans, now=NOW - MINUTE + OUTDATED_PAUSE) == [plans[1], plans[2], plans[0]]


@pytest.mark.django_db
def test_a_version_that_does_not_serve_any_more_hurries_nobody(trained: Trained) -> None:
    trained(now=NOW)
    trained(now=NOW)
    ModelVersion.objects.filter(status=ModelVersion.Status.RETIRED).update(outdated_since=NOW)
    assert due([plan()], now=NOW + timedelta(hours=2)) == []
    ModelVersion.objects.update(outdated_since=NOW)
    assert due([plan()], now=NOW + timedelta(hours=2)) == [plan()]


@pytest.mark.django_db
def test_a_version_that_was_refused_hurries_nobody_once_a_newer_one_serves(
    trained: Trained,
) -> None:
    """Else a model would be trained every hour for ever, as what was refused stays told."""
    trained(now=NOW, mode="never")
    trained(now=NOW)
    ModelVersion.objects.update(outdated_since=NOW)
    assert due([plan()], now=NOW + 2 * HOUR) == [plan()]
    trained(now=NOW + 2 * HOUR)
    assert due([plan()], now=NOW + 4 * HOUR) == []
