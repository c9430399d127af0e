"""What models say becomes a feature, and moves people in and out of segments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from personalization import shortcuts
from personalization.ingest import just_here
from personalization.ingest import scores as scoring
from personalization.ingest.scores import JUST, KNOWN, publish, score, score_profiles
from personalization.management.commands.run_worker import Worker
from personalization.ml.models import ModelVersion
from personalization.monitoring.audit import audit_profiles
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Profile, Snapshot
from personalization.rules.parse import check, parse
from personalization.segments.catalogue import catalogue
from personalization.segments.models import Membership, Segment
from personalization.segments.rebuild import rebuild_profiles
from personalization.testing import drain
from tests.factories import make_segment
from tests.rules.building import feature, rule

__all__ = ["make_segment"]

pytestmark = pytest.mark.django_db
NAME = "propensity.order"
LIKELY = rule(feature(NAME, ">=", 0.5))
Told = Mapping[int, Mapping[str, float]]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def serves() -> None:
    ModelVersion.objects.create(name=NAME, number=1, algorithm="boosting", status="serving")


@pytest.fixture
def likely(serves: None, make_segment: Callable[..., Segment]) -> Segment:
    return make_segment("likely", LIKELY)


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> dict[int, dict[str, float]]:
    """Let models say what is put into it, of those they are asked about."""
    told: dict[int, dict[str, float]] = {}

    def predictions(profile_ids: Any, *, now: datetime) -> Told:
        return {pk: told[pk] for pk in profile_ids if pk in told}

    monkeypatch.setattr("personalization.ml.serving.predictions.predictions", predictions)
    return told


def here(user: str = "u1") -> Snapshot:
    """Return the snapshot of somebody who was just here and agrees."""
    agrees(user)
    shortcuts.track("Page Viewed", user_id=user)
    drain()
    return Snapshot.objects.get(profile__identities__value=user)


def agrees(user: str) -> None:
    key = Key("user", user)
    record_consent(key, granted=["personalization"], mechanism=Mechanism.API, now=now())


def members(segment: Segment) -> set[int]:
    current = Membership.objects.filter(segment=segment, until=None)
    return set(current.values_list("profile_id", flat=True))


def test_rules_may_speak_of_what_serves(serves: None) -> None:
    assert check(parse(LIKELY), catalogue()) == []
    ModelVersion.objects.all().delete()
    assert check(parse(LIKELY), catalogue()) != []


def test_a_score_is_a_feature_and_moves_memberships(likely: Segment) -> None:
    snapshot = here()
    assert publish({snapshot.pk: {NAME: 0.8}}, now=now()) == 1
    snapshot.refresh_from_db()
    assert snapshot.features[NAME] == 0.8
    assert snapshot.features["pages.count"] == 1
    assert members(likely) == {snapshot.pk}
    publish({snapshot.pk: {NAME: 0.2}}, now=now())
    assert members(likely) == set()


def test_what_is_said_again_changes_nothing(likely: Segment) -> None:
    snapshot = here()
    publish({snapshot.pk: {NAME: 0.8}}, now=now())
    assert publish({snapshot.pk: {NAME: 0.8}}, now=now()) == 0
    assert Membership.objects.filter(segment=likely).count() == 1


def test_events_and_rebuilds_keep_what_models_said_and_audits_find_nothing(
    likely: Segment,
) -> None:
    snapshot = here()
    publish({snapshot.pk: {NAME: 0.8}}, now=now())
    here()
    rebuild_profiles([snapshot.pk], now=now())
    snapshot.refresh_from_db()
    assert (snapshot.features[NAME], snapshot.features["pages.count"]) == (0.8, 2)
    assert members(likely) == {snapshot.pk}
    assert list(audit_profiles(now=now())) == []


def test_who_is_scored_before_rules_are_followed_is_rebuilt(likely: Segment) -> None:
    snapshot = here()
    Snapshot.objects.filter(pk=snapshot.pk).update(plan="of other rules")
    publish({snapshot.pk: {NAME: 0.8}}, now=now())
    snapshot.refresh_from_db()
    assert snapshot.features[NAME] == 0.8
    assert members(likely) == {snapshot.pk}


def test_who_is_of_no_model_any_more_loses_what_was_said(
    likely: Segment, says: dict[int, dict[str, float]]
) -> None:
    snapshot = here()
    says[snapshot.pk] = {NAME: 0.8, "churn": 0.1}
    assert score([snapshot.pk], now=now()) == 1
    del says[snapshot.pk]
    score([snapshot.pk], now=now())
    snapshot.refresh_from_db()
    assert not {NAME, "churn"} & snapshot.features.keys()
    assert "pages.count" in snapshot.features
    assert members(likely) == set()


@pytest.mark.parametrize("answer", [{}, {"analytics": True}, {"personalization": False}])
def test_who_withdraws_consent_while_models_are_asked_gets_no_score(
    answer: dict[str, bool], likely: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, stays = here("u1"), here("u2")
    both = [snapshot.pk, stays.pk]
    publish({pk: {NAME: 0.8, "churn": 0.1} for pk in both}, now=now())

    def predictions(profile_ids: Any, *, now: datetime) -> Told:
        Snapshot.objects.filter(pk=snapshot.pk).update(consents=answer)
        return {pk: {NAME: 0.9} for pk in profile_ids}

    monkeypatch.setattr("personalization.ml.serving.predictions.predictions", predictions)
    assert score(both, now=now()) == 2
    snapshot.refresh_from_db()
    stays.refresh_from_db()
    assert not {NAME, "churn"} & snapshot.features.keys()
    assert "pages.count" in snapshot.features
    assert stays.features[NAME] == 0.9
    assert members(likely) == {stays.pk}


def test_who_is_gone_meanwhile_is_left_out(serves: None) -> None:
    snapshot = here()
    pk = snapshot.pk
    Profile.objects.filter(pk=pk).delete()
    assert publish({pk: {NAME: 0.8}}, now=now()) == 0


def test_who_was_just_here_is_scored_and_the_others_once_a_day(
    serves: None, says: dict[int, dict[str, float]]
) -> None:
    just, quiet, gone = here("u1"), here("u2"), here("u3")
    at = now()
    for snapshot, ago in ((quiet, timedelta(days=5)), (gone, KNOWN + timedelta(hours=1))):
        Snapshot.objects.filter(pk=snapshot.pk).update(last_seen=at - ago)
    says |= {snapshot.pk: {NAME: 0.7} for snapshot in (just, quiet, gone)}
    # At any minute but that of the others' turn.
    minute = at.replace(second=0, microsecond=0)
    turns = {snapshot.pk % scoring._TURNS for snapshot in (just, quiet, gone)}
    while int(minute.timestamp()) // 60 % scoring._TURNS in turns:
        minute += timedelta(minutes=1)
    Snapshot.objects.filter(pk=just.pk).update(last_seen=minute - JUST / 2)
    assert score_profiles(now=minute) == 1
    Snapshot.objects.filter(pk=just.pk).update(features={})
    day = [minute + timedelta(minutes=n) for n in range(scoring._TURNS)]
    own = [
        at for at in day if int(at.timestamp()) // 60 % scoring._TURNS == quiet.pk % scoring._TURNS
    ]
    assert len(own) == 1
    score_profiles(now=own[0])
    quiet.refresh_from_db()
    gone.refresh_from_db()
    assert quiet.features[NAME] == 0.7
    assert NAME not in gone.features


def test_who_was_not_here_for_so_long_that_nobody_scores_them_loses_what_was_said(
    likely: Segment, says: dict[int, dict[str, float]]
) -> None:
    """Else it would be true of them for ever."""
    known, gone = here("u1"), here("u2")
    says |= {snapshot.pk: {NAME: 0.7} for snapshot in (known, gone)}
    score([known.pk, gone.pk], now=now())
    assert members(likely) == {known.pk, gone.pk}
    at = datetime.fromtimestamp(now().timestamp() // 86_400 * 86_400, UTC)
    Snapshot.objects.filter(pk=known.pk).update(last_seen=at - KNOWN + timedelta(days=2))
    Snapshot.objects.filter(pk=gone.pk).update(last_seen=at - KNOWN - timedelta(hours=1))
    for snapshot in (known, gone):
        score_profiles(now=at + timedelta(minutes=snapshot.pk % scoring._TURNS))
    known.refresh_from_db()
    gone.refresh_from_db()
    assert known.features[NAME] == 0.7
    assert NAME not in gone.features
    assert "pages.count" in gone.features
    assert members(likely) == {known.pk}


def test_a_worker_without_celery_scores_every_minute(
    serves: None, says: dict[int, dict[str, float]]
) -> None:
    snapshot, work, at = here(), Worker(), now()
    just_here.take()
    for ago, said, kept in ((0, 0.7, 0.7), (30, 0.8, 0.7), (61, 0.9, 0.9)):
        says[snapshot.pk] = {NAME: said}
        work(now=at + timedelta(seconds=ago))
        snapshot.refresh_from_db()
        assert snapshot.features[NAME] == kept


def test_a_model_that_fails_stops_no_worker_and_takes_nothing_back(
    likely: Segment, says: dict[int, dict[str, float]], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    snapshot, work = here(), Worker()
    says[snapshot.pk] = {NAME: 0.7}
    score([snapshot.pk], now=now())

    def fail(*args: object, **options: object) -> None:
        raise ZeroDivisionError("a site's own")

    monkeypatch.setattr("personalization.ml.serving.predictions.predictions", fail)
    shortcuts.track("Page Viewed", user_id="u1")
    assert work(now=now()) >= 1
    snapshot.refresh_from_db()
    assert (snapshot.features[NAME], snapshot.features["pages.count"]) == (0.7, 2)
    assert members(likely) == {snapshot.pk}
    assert "scoring_failed" in {getattr(record, "action", "") for record in caplog.records}


def test_a_database_that_fails_is_no_fault_of_a_model(
    likely: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OperationalError

    monkeypatch.setattr("personalization.ml.serving.predictions.predictions", fail)
    with pytest.raises(OperationalError):
        score([here().pk], now=now())


def test_nothing_is_asked_where_nothing_serves(says: dict[int, dict[str, float]]) -> None:
    snapshot = here()
    says[snapshot.pk] = {NAME: 0.7}
    assert score_profiles(now=now()) == 0


def test_without_numpy_nobody_is_scored(
    serves: None, says: dict[int, dict[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = here()
    says[snapshot.pk] = {NAME: 0.7}
    monkeypatch.setattr(scoring, "_has_numpy", lambda: False)
    assert score_profiles(now=now()) == 0
