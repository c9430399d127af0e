"""What cannot be said, or kept, of somebody now leaves what was said before, and all else, alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from personalization import shortcuts
from personalization.ingest.scores import _TURNS as TURNS
from personalization.ingest.scores import KNOWN, publish, score, score_profiles
from personalization.management.commands.run_worker import Worker
from personalization.ml.models import ModelVersion
from personalization.ml.serving import loaded
from personalization.profiles.models import Snapshot
from personalization.segments.models import Segment
from personalization.testing import drain
from tests.delivery.rendering import counted
from tests.factories import make_segment
from tests.ingest.test_scores import NAME, here, likely, members, now, says, serves
from tests.ml.serving.stored import RETIRED, SERVING, spoil, store
from tests.ml.serving.test_predictions_failing import learned
from tests.rules.building import feature, rule

__all__ = ["likely", "make_segment", "says", "serves"]

pytestmark = pytest.mark.django_db
NOT_FINITE = [math.nan, math.inf, -math.inf, np.float64("nan")]


def said_of(snapshot: Snapshot) -> dict[str, Any]:
    """Return what models said, as it is kept."""
    snapshot.refresh_from_db()
    return {name: snapshot.features[name] for name in (NAME, "churn") if name in snapshot.features}


# -- no finite number ----------------------------------------------------------------------


@pytest.mark.parametrize("odd", NOT_FINITE)
def test_a_score_that_is_no_finite_number_is_dropped_and_nothing_else(
    odd: float, likely: Segment, says: dict[int, dict[str, Any]]
) -> None:
    one, other = here("u1"), here("u2")
    says |= {one.pk: {NAME: odd, "churn": 0.2}, other.pk: {NAME: 0.8}}
    assert score([one.pk, other.pk], now=now()) == 2
    assert said_of(one) == {"churn": 0.2}
    assert said_of(other) == {NAME: 0.8}
    assert members(likely) == {other.pk}


def test_what_was_said_before_stays_until_a_number_is_said(
    likely: Segment, says: dict[int, dict[str, Any]]
) -> None:
    snapshot = here()
    for value, kept in ((0.8, 0.8), (math.nan, 0.8), (0.6, 0.6), (math.inf, 0.6)):
        says[snapshot.pk] = {NAME: value}
        score([snapshot.pk], now=now())
        assert said_of(snapshot) == {NAME: kept}
        assert members(likely) == {snapshot.pk}
    assert score([snapshot.pk], now=now()) == 0, "and is no change"


def test_a_worker_goes_on(likely: Segment, says: dict[int, dict[str, Any]]) -> None:
    snapshot = here()
    says[snapshot.pk] = {NAME: math.nan}
    Worker()(now=now())
    assert said_of(snapshot) == {}
    here()
    assert Snapshot.objects.get().features["pages.count"] == 2


def test_it_is_told_once_of_each_model_however_many_people(
    serves: None, caplog: pytest.LogCaptureFixture
) -> None:
    people = [here(user).pk for user in ("u1", "u2", "u3")]
    before = counted("models.not_finite")
    publish({pk: {NAME: math.nan, "churn": 0.1} for pk in people}, now=now())
    told = [each for each in caplog.records if getattr(each, "action", "") == "score_not_finite"]
    assert [each.getMessage() for each in told] == [
        f"{NAME} says of 3 people what is no finite number."
    ]
    assert counted("models.not_finite") == before + 3


@pytest.mark.parametrize("kept", [0, 0.0, 1, "buys often"])
def test_all_else_can_be_kept(kept: Any, serves: None, caplog: pytest.LogCaptureFixture) -> None:
    snapshot = here()
    publish({snapshot.pk: {NAME: kept}}, now=now())
    assert said_of(snapshot) == {NAME: kept}
    assert not [each for each in caplog.records if hasattr(each, "action")]


# -- a model that cannot be asked ----------------------------------------------------------


@pytest.fixture
def asked(make_segment: Callable[..., Segment]) -> Snapshot:
    """Return the snapshot of somebody of whom two models, one of them of a segment, said something."""
    loaded.forget()
    for name in (NAME, "churn"):
        store(learned(), name=name)
    make_segment("scored", rule(feature(NAME, ">=", 0)))
    snapshot = here()
    score([snapshot.pk], now=now())
    assert said_of(snapshot).keys() == {NAME, "churn"}
    assert members_of_all() == {snapshot.pk}
    return snapshot


def members_of_all() -> set[int]:
    return members(Segment.objects.get())


def damage(name: str) -> None:
    spoil(ModelVersion.objects.get(name=name, status=SERVING))
    loaded.forget()


def lose_features(name: str) -> None:
    """Let what serves be of a feature that there is not any more."""
    gone = learned()
    gone.features = ("wishlist.share",)
    store(gone, name=name, number=2)
    loaded.forget()


@pytest.mark.parametrize("fail", [damage, lose_features])
def test_what_a_model_said_that_cannot_be_asked_any_more_stays(
    fail: Callable[[str], None], asked: Snapshot
) -> None:
    before = said_of(asked)
    fail(NAME)
    for _ in range(10):
        shortcuts.track("Page Viewed", user_id="u1")
    drain()
    score([asked.pk], now=now())
    after = said_of(asked)
    assert after[NAME] == before[NAME]
    assert after["churn"] > before["churn"], "others are asked as ever"
    assert members_of_all() == {asked.pk}


def test_so_it_does_where_no_model_can_be_asked(asked: Snapshot) -> None:
    before = said_of(asked)
    damage(NAME)
    damage("churn")
    assert score([asked.pk], now=now()) == 0
    assert said_of(asked) == before
    assert members_of_all() == {asked.pk}


def test_of_whom_it_said_nothing_yet_it_says_nothing(asked: Snapshot) -> None:
    damage(NAME)
    other = here("u2")
    score([other.pk], now=now())
    assert said_of(other).keys() == {"churn"}
    assert NAME not in other.features


def test_who_does_not_agree_any_more_loses_it_nevertheless(asked: Snapshot) -> None:
    damage(NAME)
    damage("churn")
    Snapshot.objects.update(consents={})
    assert score([asked.pk], now=now()) == 1
    assert said_of(asked) == {}
    assert members_of_all() == set()


def test_who_was_not_here_for_so_long_loses_it_nevertheless(asked: Snapshot) -> None:
    damage(NAME)
    at = datetime.fromtimestamp(now().timestamp() // 86_400 * 86_400, UTC)
    Snapshot.objects.update(last_seen=at - KNOWN - timedelta(hours=1))
    score_profiles(now=at + timedelta(minutes=asked.pk % TURNS))
    assert said_of(asked) == {}


def test_what_serves_no_more_is_taken_back(asked: Snapshot) -> None:
    ModelVersion.objects.filter(name=NAME).update(status=RETIRED)
    loaded.forget()
    score([asked.pk], now=now())
    assert said_of(asked).keys() == {"churn"}
    assert members_of_all() == set()
