"""What lies aside is let go of in time, by a task, a command and the one worker alike."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.management import call_command
from django.utils import timezone

from personalization import hints, tasks
from personalization.events.models import Source
from personalization.ingest.models import DeadLetter, HeldEvent, SchemaFinding
from personalization.profiles.identity import Key, find_or_create
from personalization.profiles.models import Identity

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
