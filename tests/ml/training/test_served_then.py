"""Which version served when, and whose artefacts are kept until what it said can be judged."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from personalization.events.goals import Goal
from personalization.ml.artefact import checksum
from personalization.ml.models import ModelArtefact, ModelVersion
from personalization.ml.training.propensity_plan import AWAY, CHURN
from personalization.ml.training.served_then import (
    JUDGED,
    first_served,
    horizon_of,
    served,
    versions_to_judge,
)
from personalization.ml.training.versions import needed, promote, prune
from tests.ml.training.conftest import DAY, HOUR, NOW

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status


@pytest.fixture
def goal() -> Goal:
    return Goal.objects.create(slug="order", name="An order", event="Order Completed")


def promoted(*at: datetime, name: str = "propensity.order") -> list[ModelVersion]:
    """Train and promote a version at each of these instants."""
    found = []
    for number, moment in enumerate(at, start=1):
        version = ModelVersion.objects.create(
            name=name, number=number, status=Status.CANDIDATE, checksum=checksum(b"model")
        )
        ModelArtefact.objects.create(version=version, content=b"model")
        promote(version, now=moment)
        found.append(version)
    return found


def numbers(versions: Iterable[ModelVersion]) -> list[int]:
    return [each.number for each in versions]


def kept(name: str = "propensity.order") -> list[int]:
    artefacts = ModelArtefact.objects.filter(version__name=name)
    return sorted(artefacts.values_list("version__number", flat=True))


def test_a_version_served_until_the_next_one_did(goal: Goal) -> None:
    promoted(NOW - 9 * DAY, NOW - 6 * DAY, NOW - 3 * DAY)
    name = "propensity.order"
    assert numbers(served(name, since=NOW - 5 * DAY, until=NOW)) == [2, 3]
    assert numbers(served(name, since=NOW - 6 * DAY, until=NOW)) == [2, 3]
    assert numbers(served(name, since=NOW - 7 * DAY, until=NOW - 3 * DAY)) == [1, 2]
    assert numbers(served(name, since=NOW - 30 * DAY, until=NOW)) == [1, 2, 3]
    assert served(name, since=NOW - 30 * DAY, until=NOW - 9 * DAY) == []
    assert first_served(name) == NOW - 9 * DAY
    assert first_served("churn") is None


def test_one_that_was_never_promoted_served_never(goal: Goal) -> None:
    promoted(NOW - 9 * DAY)
    ModelVersion.objects.create(name="propensity.order", number=9, status=Status.CANDIDATE)
    assert numbers(served("propensity.order", since=NOW - 20 * DAY, until=NOW)) == [1]


def test_what_comes_of_a_score_is_known_after_the_time_of_its_goal(goal: Goal) -> None:
    assert horizon_of("propensity.order") == goal.within == timedelta(days=7)
    assert horizon_of(CHURN) == AWAY
    assert horizon_of("propensity.gone") is None
    assert horizon_of("recommend") is None
    assert horizon_of("cluster.personas") is None


def test_versions_are_kept_until_what_they_said_is_judged(goal: Goal) -> None:
    promoted(*(NOW - night * DAY for night in range(40, 0, -1)))
    # Those that served from 21 days before the newest on, as 7 days later the end was known.
    assert kept() == list(range(40 - 21, 41))
    assert (7 * DAY + JUDGED) == 21 * DAY


def test_of_those_of_a_day_the_first_is_kept_however_often_one_is_trained(goal: Goal) -> None:
    hours = 24 * 5
    promoted(*(NOW.replace(hour=0) - hours * HOUR + n * HOUR for n in range(hours)))
    assert len(kept()) <= 5 + 2  # and what serves, and what served before
    days = [each.promoted_at.date() for each in ModelVersion.objects.filter(number__in=kept()[:5])]
    assert len(set(days)) == 5


def test_what_knows_somebody_who_was_erased_is_not_kept_to_be_judged(goal: Goal) -> None:
    promoted(*(NOW - night * DAY for night in range(9, 0, -1)))
    ModelVersion.objects.filter(number__lte=5).update(outdated_since=NOW)
    assert list(versions_to_judge("propensity.order")) == [6, 7, 8]
    prune("propensity.order")
    assert kept() == [6, 7, 8, 9]


def test_of_models_that_say_no_probabilities_no_more_is_kept(goal: Goal) -> None:
    promoted(*(NOW - night * DAY for night in range(9, 0, -1)), name="cluster.personas")
    assert kept("cluster.personas") == [8, 9]
    assert list(versions_to_judge("recommend")) == []
    assert list(versions_to_judge("propensity.order")) == []


def test_the_need_is_known_wherever_versions_are_pruned() -> None:
    known: Any = dict(needed.items())
    assert known["calibration"] is versions_to_judge
