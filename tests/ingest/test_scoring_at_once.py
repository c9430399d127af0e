"""Models are asked about who was just here right after it, and of everybody when they are new."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from personalization import hints, shortcuts, tasks
from personalization.ingest import just_here
from personalization.ingest import scores as scoring
from personalization.ingest.pipeline import process_events
from personalization.ingest.scores import (
    JUST,
    KNOWN,
    SETTLED,
    score_everybody,
    score_just_here,
    score_profiles,
)
from personalization.management.commands.run_worker import Worker
from personalization.ml.models import ModelVersion
from personalization.ml.serving import loaded
from personalization.profiles.models import Profile, Snapshot
from personalization.segments.live import live_rules
from personalization.segments.models import Membership, Segment
from tests.factories import make_segment
from tests.ingest.test_scores import agrees
from tests.rules.building import feature, rule

__all__ = ["make_segment"]

pytestmark = pytest.mark.django_db(transaction=True)
NAME, LATER = "propensity.order", "churn"
LONG = timedelta(minutes=1)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let models say .8 of everybody, and tell whom they were asked about."""
    told: list[int] = []

    def predictions(profile_ids: Any, *, now: datetime) -> dict[int, dict[str, float]]:
        told.extend(profile_ids)
        return {pk: {NAME: 0.8} for pk in profile_ids}

    monkeypatch.setattr("personalization.ml.serving.predictions.predictions", predictions)
    return told


@pytest.fixture
def serves(asked: list[int]) -> ModelVersion:
    """A version about which everybody was asked."""
    return version(NAME)


def version(name: str, *, scored_up_to: int | None = None, ago: timedelta = LONG) -> ModelVersion:
    return ModelVersion.objects.create(
        name=name, number=1, algorithm="boosting", status="serving",
        promoted_at=timezone.now() - ago, scored_up_to=scored_up_to,
    )  # fmt: skip


def looks(*users: str, ago: timedelta = timedelta(0)) -> list[int]:
    """Let users look at a page, and return their profiles."""
    for user in users:
        at = datetime.now(UTC) - ago
        agrees(user)
        shortcuts.track("Page Viewed", user_id=user, timestamp=at)
    process_events(now=timezone.now())
    found = Profile.objects.filter(identities__value__in=users).order_by("pk")
    return list(found.values_list("pk", flat=True))


def people(n: int, *, last_seen: datetime | None = None) -> list[int]:
    profiles = Profile.objects.bulk_create(Profile() for _ in range(n))
    at, plan = last_seen or timezone.now() - timedelta(days=1), live_rules().plan.id
    Snapshot.objects.bulk_create(
        Snapshot(profile=profile, last_seen=at, plan=plan) for profile in profiles
    )
    return [profile.pk for profile in profiles]


# -- who was just here ---------------------------------------------------------------------


def test_whoever_does_something_is_scored_by_the_worker_that_stores_it(
    serves: ModelVersion, make_segment: Callable[..., Segment]
) -> None:
    segment = make_segment("likely", rule(feature(NAME, ">=", 0.5)))
    agrees("u1")
    work = Worker()
    work(now=timezone.now())  # the sweep of this minute is over
    shortcuts.track("Page Viewed", user_id="u1")
    work(now=timezone.now())
    snapshot = Snapshot.objects.get()
    assert snapshot.features[NAME] == 0.8
    assert Membership.objects.filter(segment=segment, until=None).get().profile_id == snapshot.pk


def test_a_worker_of_celery_does_so_too(serves: ModelVersion) -> None:
    agrees("u1")
    shortcuts.track("Page Viewed", user_id="u1")
    assert tasks.process_events_task() == 1
    assert Snapshot.objects.get().features[NAME] == 0.8


def test_what_came_while_the_round_was_under_way_is_known_to_the_models(
    serves: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an instant before it, features say that nobody was there."""
    at: list[datetime] = []

    def predictions(profile_ids: Any, *, now: datetime) -> dict[int, dict[str, float]]:
        at.append(now)
        return {}

    monkeypatch.setattr("personalization.ml.serving.predictions.predictions", predictions)
    begun = timezone.now()
    shortcuts.track("Page Viewed", user_id="u1")
    Worker()(now=begun)
    last_seen = Snapshot.objects.get().last_seen
    assert last_seen is not None
    assert last_seen > begun
    assert at
    assert min(at) >= last_seen, "by nobody who asks, be it the sweep of a minute"


def test_each_is_asked_about_once(serves: ModelVersion, asked: list[int]) -> None:
    (pk,) = looks("u1", "u1")
    assert score_just_here(now=timezone.now()) == 1
    assert score_just_here(now=timezone.now()) == 0
    assert asked == [pk]


def test_what_was_not_stored_has_nobody_scored(
    serves: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise ValueError

    monkeypatch.setattr("personalization.ingest.pipeline.apply_events", fail)
    looks("u1")
    assert just_here.take() == []


def test_history_is_left_to_the_sweep(serves: ModelVersion, asked: list[int]) -> None:
    looks("u1", ago=JUST + timedelta(minutes=1))
    assert score_just_here(now=timezone.now()) == 0
    assert asked == []


def test_who_came_last_comes_first_and_events_do_not_wait_for_all(
    serves: ModelVersion, asked: list[int]
) -> None:
    known = people(3 * scoring.TOGETHER, last_seen=timezone.now())
    just_here.note(known)
    score_just_here(now=timezone.now(), budget=timedelta(0))
    assert asked == list(reversed(known))[: scoring.TOGETHER]
    assert just_here.take() == [], "the sweep of a minute has them"
    asked.clear()
    score_profiles(now=timezone.now())
    assert set(asked) == set(known)


@pytest.mark.parametrize("why", ["no model", "no numpy", "nobody"])
def test_where_there_is_nothing_to_ask_no_profile_is_read(
    why: str, django_assert_max_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why != "nobody":
        just_here.note(people(3, last_seen=timezone.now()))
    monkeypatch.setattr(scoring, "_has_numpy", lambda: why != "no numpy")
    with django_assert_max_num_queries(1 if why == "no model" else 0):
        assert score_just_here(now=timezone.now()) == 0


# -- a new version -------------------------------------------------------------------------


def test_everybody_is_asked_about_when_another_version_serves(asked: list[int]) -> None:
    known = people(2 * scoring.CHUNK + 5)
    new = version(NAME, scored_up_to=0)
    assert score_everybody(now=timezone.now(), budget=LONG) == len(known)
    assert asked == known
    new.refresh_from_db()
    assert new.scored_up_to is None
    assert score_everybody(now=timezone.now(), budget=LONG) == 0


def test_it_goes_on_where_it_stopped(asked: list[int]) -> None:
    known = people(2 * scoring.CHUNK + 5)
    new = version(NAME, scored_up_to=0)
    for chunk in (known[:200], known[200:400], known[400:]):
        asked.clear()
        assert score_everybody(now=timezone.now(), budget=timedelta(0)) == len(chunk)
        assert asked == chunk
    new.refresh_from_db()
    assert new.scored_up_to is None


def test_a_second_version_catches_up_with_the_first(asked: list[int]) -> None:
    known = people(2 * scoring.CHUNK + 5)
    first, second = version(NAME, scored_up_to=known[299]), version(LATER, scored_up_to=0)
    score_everybody(now=timezone.now(), budget=timedelta(0))
    for each in (first, second):
        each.refresh_from_db()
    assert (first.scored_up_to, second.scored_up_to) == (known[299], known[199])
    score_everybody(now=timezone.now(), budget=LONG)
    assert asked == known, "about nobody twice"
    assert not ModelVersion.objects.exclude(scored_up_to=None).exists()


def test_a_version_that_is_promoted_meanwhile_begins_at_the_begin(
    asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    people(3)
    first = version(NAME, scored_up_to=0)
    real = scoring.score

    def score(*args: Any, **options: Any) -> int:
        version(LATER, scored_up_to=0, ago=timedelta(0))
        return real(*args, **options)

    monkeypatch.setattr(scoring, "score", score)
    score_everybody(now=timezone.now(), budget=LONG)
    first.refresh_from_db()
    assert first.scored_up_to is None
    assert ModelVersion.objects.get(name=LATER).scored_up_to == 0


def test_nobody_is_asked_about_while_a_process_may_ask_the_version_before(
    asked: list[int],
) -> None:
    people(3)
    promoted_at = version(NAME, scored_up_to=0).promoted_at
    assert promoted_at is not None
    moment = timedelta(microseconds=1)
    assert score_everybody(now=promoted_at + SETTLED - moment, budget=LONG) == 0
    assert score_everybody(now=promoted_at + SETTLED, budget=LONG) == 3
    assert SETTLED > loaded.FRESH


def test_who_was_not_here_for_long_is_not_asked_about(asked: list[int]) -> None:
    people(2, last_seen=timezone.now() - KNOWN - timedelta(hours=1))
    (known,) = people(1)
    version(NAME, scored_up_to=0)
    assert score_everybody(now=timezone.now(), budget=LONG) == 1
    assert asked == [known]


def test_where_nobody_was_ever_here_it_ends(asked: list[int]) -> None:
    new = version(NAME, scored_up_to=0)
    assert score_everybody(now=timezone.now(), budget=LONG) == 0
    new.refresh_from_db()
    assert new.scored_up_to is None


def test_both_kinds_of_workers_do_it(asked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(hints, "hint", sent.append)
    (pk,) = people(1)
    new = version(NAME, scored_up_to=0)
    assert tasks.score_everybody_task() == 1
    assert tasks.score_everybody_task() == 0
    assert sent == [], "each would go on beside those of the schedule"
    every = hints.BEAT_SCHEDULE[hints.SCORE_EVERYBODY]["schedule"]
    assert timedelta(seconds=every) > 2 * tasks.SHARE, "events have the workers most of the time"
    ModelVersion.objects.filter(pk=new.pk).update(scored_up_to=0)
    asked.clear()
    at = datetime.now(UTC)
    while int(at.timestamp()) // 60 % scoring._TURNS == pk % scoring._TURNS:
        at += timedelta(minutes=1)
    Worker()(now=at)
    assert asked == [pk]


def test_without_numpy_nobody_is_asked_about(
    serves: ModelVersion, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    people(1)
    ModelVersion.objects.update(scored_up_to=0)
    monkeypatch.setattr(scoring, "_has_numpy", lambda: False)
    assert score_everybody(now=timezone.now(), budget=LONG) == 0
    assert ModelVersion.objects.get().scored_up_to == 0
