"""What lies aside is let go of in time, by a task, a command and the one worker alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.management import call_command
from django.utils import timezone

from personalization import hints, tasks
from personalization.events.models import Source
from personalization.ingest import tidy
from personalization.ingest.arrival import Arrival
from personalization.ingest.models import DeadLetter, HeldEvent, SchemaFinding
from personalization.ingest.quarantine import FAILED
from personalization.ingest.tidy import forget_refused, purge_waiting, tidy_quarantine
from personalization.privacy.models import Consent
from personalization.profiles.identity import Key, find_or_create
from personalization.profiles.models import Identity
from personalization.types import ASKED_PURPOSES

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(days=31)


@pytest.fixture
def old(server: Source) -> None:
    """One of each that is over, and one view of somebody known by now."""
    at = timezone.now() - LONG_AGO
    DeadLetter.objects.create(source=server, body="{}", status="discarded", resolved_at=at)
    SchemaFinding.objects.create(source=server, event="Seen", code="unknown_event", last_seen=at)
    _hold(server, "v1", at)
    _hold(server, "v2", timezone.now())
    _hold(server, "v3", timezone.now())
    find_or_create([Key(Identity.ANONYMOUS, "v2")])


def _hold(source: Source, value: str, at: datetime) -> None:
    HeldEvent.objects.create(
        source=source, message_id=value, namespace="anonymous", value=value, arrival="{}",
        received_at=at,
    )  # fmt: skip


def left() -> list[str]:
    assert not DeadLetter.objects.exists()
    assert not SchemaFinding.objects.exists()
    return list(HeldEvent.objects.values_list("value", flat=True))


def test_the_task_tidies_up(old: None) -> None:
    assert tasks.tidy_quarantine_task() == 4
    assert left() == ["v3"]
    assert tasks.tidy_quarantine_task() == 0


def test_the_command_tidies_up(old: None, capsys: Any) -> None:
    call_command("tidy_quarantine")
    assert capsys.readouterr().out == "4 events and findings tidied up.\n"
    assert left() == ["v3"]


def test_the_one_worker_tidies_up(old: None) -> None:
    call_command("run_worker", "--once")
    assert left() == ["v3"]


def test_the_schedule_has_it_done() -> None:
    assert hints.TIDY_QUARANTINE in hints.BEAT_SCHEDULE
    assert hints.TIDY_QUARANTINE in current_app.tasks


# -- letters that wait --------------------------------------------------------------------

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _letter(source: Source, *, value: str = "", **fields: Any) -> DeadLetter:
    named = {"namespace": "anonymous", "value": value} if value else {}
    row = {"code": "invalid_timestamp", "body": "{}", "received_at": NOW, **named, **fields}
    return DeadLetter.objects.create(source=source, **row)


def _answer(value: str, *, granted: bool, namespace: str = "anonymous") -> None:
    identity = find_or_create([Key(namespace, value)])[Key(namespace, value)]
    for purpose in ASKED_PURPOSES:
        Consent.objects.create(
            identity=identity, purpose=purpose, granted=granted, policy_version="1"
        )


def waiting() -> list[DeadLetter]:
    return list(DeadLetter.objects.order_by("pk"))


def test_nothing_waits_for_longer_than_events_are_kept(server: Source, settings: Any) -> None:
    settings.PERSONALIZATION_RETENTION = timedelta(days=100)
    kept = _letter(server, received_at=NOW - timedelta(days=100))
    _letter(server, received_at=NOW - timedelta(days=100, seconds=1))
    assert purge_waiting(now=NOW) == 1
    assert waiting() == [kept]


def test_what_came_too_late_waits_for_a_month(server: Source) -> None:
    kept = [
        _letter(server, code="too_old", received_at=NOW - timedelta(days=30)),
        _letter(server, received_at=NOW - LONG_AGO),
        _letter(server, code="too_old", status="replayed", received_at=NOW - LONG_AGO),
    ]
    _letter(server, code="too_old", received_at=NOW - LONG_AGO)
    assert purge_waiting(now=NOW) == 1
    assert waiting() == kept


def test_what_waits_of_those_who_refuse_by_now_is_forgotten(
    server: Source, browser: Source
) -> None:
    _answer("yes", granted=True)
    _answer("no", granted=True)
    _answer("no", granted=False)
    kept = [
        _letter(server, value="yes"), _letter(server, value="unknown"), _letter(server),
        _letter(browser, value="yes"), _letter(server, value="no", status="replayed"),
    ]  # fmt: skip
    for source, value in ((server, "no"), (browser, "no"), (browser, "unknown")):
        _letter(source, value=value)
    assert forget_refused(now=timezone.now()) == 3
    assert waiting() == kept
    assert forget_refused(now=timezone.now()) == 0


def test_a_refusal_of_anybody_it_names_counts(server: Source) -> None:
    _answer("no", granted=False)
    _letter(server, namespace="user", value="u1", sender={"joins": [["anonymous", "no"]]})
    assert forget_refused(now=timezone.now()) == 1


def test_the_yes_of_the_visitor_stands_for_the_user_that_was_signed(browser: Source) -> None:
    _answer("v1", granted=True)
    _letter(browser, namespace="user", value="u1", sender={"visitor_id": "v1", "trusted": False})
    assert forget_refused(now=timezone.now()) == 0


def test_what_the_worker_set_aside_says_itself_whose_it_is(browser: Source) -> None:
    _answer("v1", granted=True)
    event = Arrival(
        type="track", name="Seen", properties={}, context={}, at=0, message_id="m",
        key=Key(Identity.USER, "u1"), joins=(Key(Identity.ANONYMOUS, "v1"),),
    )  # fmt: skip
    taken = {"code": FAILED, "body": json.dumps(event.to_json())}
    _letter(browser, namespace="user", value="u1", **taken)
    assert forget_refused(now=timezone.now()) == 0
    _answer("v1", granted=False)
    assert forget_refused(now=timezone.now()) == 1


def test_a_source_that_is_believed_no_more_needs_a_yes(browser: Source) -> None:
    _letter(browser, value="unknown", sender={"trusted": True})
    assert forget_refused(now=timezone.now()) == 1


def test_however_many_wait_they_are_asked_about_in_rounds(
    server: Source, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(tidy, "_ROUND", 4)
    _answer("no", granted=False)
    for value in ["no", "unknown"] * 4:
        _letter(server, value=value)
    # Two rounds: which, who, the answers, delete; and a last look.
    with django_assert_num_queries(9):
        assert forget_refused(now=timezone.now()) == 4
    assert {letter.value for letter in waiting()} == {"unknown"}


def test_the_tidying_up_has_both_done(server: Source) -> None:
    _answer("no", granted=False)
    _letter(server, value="no")
    _letter(server, code="too_old", received_at=NOW - LONG_AGO)
    assert tidy_quarantine(now=NOW) == 2
    assert waiting() == []
