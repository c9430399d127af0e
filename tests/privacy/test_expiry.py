"""A yes that is over is forgotten where it is used, and the log says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.management import call_command
from django.utils import timezone

from personalization import hints, tasks
from personalization.privacy import expiry
from personalization.privacy.consent import record_consent
from personalization.privacy.expiry import expire_consents
from personalization.privacy.models import Consent, ConsentRecord, Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Snapshot
from personalization.segments.models import Membership, Segment
from personalization.segments.refresh import refresh_segments
from tests.factories import make_segment

__all__ = ["make_segment"]

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, tzinfo=UTC)
OVER = NOW + timedelta(days=182)
AGREED = {
    "version": 1,
    "root": {"combinator": "and", "rules": [{"kind": "consent", "purpose": "analytics"}]},
}


def answer(*granted: str, who: str = "phone", at: datetime = NOW) -> int:
    key = Key(Identity.ANONYMOUS, who)
    return record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=at).profile_id


def expired() -> list[ConsentRecord]:
    return list(ConsentRecord.objects.filter(mechanism=Mechanism.EXPIRED).order_by("pk"))


def test_a_yes_is_forgotten_when_it_is_over_and_not_before() -> None:
    answer("analytics")
    assert expire_consents(now=OVER - timedelta(seconds=1)) == 0
    assert Snapshot.objects.get().consents == {"analytics": True}
    assert expire_consents(now=OVER) == 1
    assert Snapshot.objects.get().consents == {}
    assert expire_consents(now=OVER) == 0


def test_the_log_says_whose_yes_ended_and_what_is_left() -> None:
    answer("analytics")
    expire_consents(now=OVER)
    [record] = expired()
    assert record.subject == ConsentRecord.objects.earliest("pk").subject
    assert record.answers == {"analytics": False, "personalization": False, "marketing": False}
    assert record.recorded_at == OVER


def test_an_end_is_no_refusal() -> None:
    answer("analytics")
    before = Consent.objects.count()
    expire_consents(now=OVER)
    assert Consent.objects.count() == before


def test_who_has_answered_again_since_is_left_alone() -> None:
    answer("analytics")
    answer("analytics", at=NOW + timedelta(days=100))
    assert expire_consents(now=OVER) == 0
    assert expired() == []


def test_a_yes_to_another_version_of_the_policy_is_over_too(settings: Any) -> None:
    answer("analytics")
    settings.PERSONALIZATION_POLICY_VERSION = "2"
    assert expire_consents(now=NOW) == 1
    assert Snapshot.objects.get().consents == {}


def test_a_consent_that_nobody_recorded_is_forgotten_without_an_entry() -> None:
    answer("analytics")
    Consent.objects.all().delete()
    assert expire_consents(now=NOW) == 1
    assert Snapshot.objects.get().consents == {}
    assert expired() == []


def test_all_are_found_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "PORTION", 2)
    for number in range(5):
        answer("marketing", who=f"v{number}")
    answer("marketing", who="new", at=OVER)
    assert expire_consents(now=OVER) == 5
    assert len({record.subject for record in expired()}) == 5


def test_rules_that_ask_for_consent_follow(make_segment: Callable[..., Segment]) -> None:
    make_segment("agreed", AGREED)
    now = timezone.now()
    answer("analytics", at=now - timedelta(days=181))
    refresh_segments(now=now)
    assert Membership.objects.filter(until=None).count() == 1
    later = now + timedelta(days=2)
    expire_consents(now=later)
    refresh_segments(now=later)
    assert not Membership.objects.in_force(now=later).exists()


def test_the_command_and_the_task_do_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    answer("analytics", at=timezone.now() - timedelta(days=200))
    call_command("expire_consents")
    assert capsys.readouterr().out == "1 profiles have to be asked again.\n"
    answer("analytics", who="other", at=timezone.now() - timedelta(days=200))
    Snapshot.objects.update(consents={"analytics": True})
    assert tasks.expire_consents_task() == 2
    assert hints.EXPIRE_CONSENTS in hints.BEAT_SCHEDULE
    assert hints.EXPIRE_CONSENTS in current_app.tasks
