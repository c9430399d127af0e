"""The consent log on the command line: sealed, verified, exported."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.core.management import CommandError, call_command

from personalization import hints, tasks
from personalization.management.commands.run_worker import Worker
from personalization.privacy.chain import verify_chain
from personalization.privacy.consent import record_consent
from personalization.privacy.models import AuditEntry, ConsentRecord, Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity

pytestmark = pytest.mark.django_db

Output = pytest.CaptureFixture[str]


def answers(n: int) -> None:
    for _ in range(n):
        key = Key(Identity.ANONYMOUS, "phone")
        now = datetime(2026, 5, 4, tzinfo=UTC)
        record_consent(key, granted=(), mechanism=Mechanism.BANNER, now=now)


def test_without_an_option_what_is_new_is_sealed(capsys: Output) -> None:
    answers(2)
    call_command("consent_log")
    assert capsys.readouterr().out == "2 entries sealed.\n"
    assert ConsentRecord.objects.exclude(place=None).count() == 2


def test_a_whole_log_is_said_to_be_whole_with_its_newest_seal(capsys: Output) -> None:
    answers(2)
    call_command("consent_log", verify=True)
    seal = ConsentRecord.objects.get(place=2).seal
    said = f"The consent log is whole: places 1 to 2. Newest seal: {seal}\n"
    assert capsys.readouterr().err == said


def test_an_empty_log_is_said_to_be_empty(capsys: Output) -> None:
    call_command("consent_log", verify=True)
    assert capsys.readouterr().err == "The consent log is empty.\n"


def test_a_log_that_is_not_whole_fails_and_names_the_entry(capsys: Output) -> None:
    answers(2)
    call_command("consent_log")
    ConsentRecord.objects.filter(place=2).update(language="de")
    with pytest.raises(CommandError, match="not whole: 1 problems"):
        call_command("consent_log", verify=True)
    changed = ConsentRecord.objects.get(place=2)
    assert f"{changed.uid} at place 2" in capsys.readouterr().err


def test_a_seal_that_was_kept_elsewhere_has_to_be_there(capsys: Output) -> None:
    answers(1)
    call_command("consent_log")
    call_command("consent_log", verify=True, seal=[verify_chain().newest_seal])
    with pytest.raises(CommandError, match="not whole"):
        call_command("consent_log", verify=True, seal=["f" * 64])
    assert "f" * 64 in capsys.readouterr().err


def test_a_seal_without_verify_is_refused() -> None:
    with pytest.raises(CommandError, match="add --verify"):
        call_command("consent_log", seal=["f" * 64])


def test_the_log_is_written_to_a_file_and_noted(tmp_path: Path) -> None:
    answers(2)
    call_command("consent_log", export=str(tmp_path / "log.jsonl"))
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line).get("place") for line in lines] == [None, 1, 2]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_name, entry.kind) == (
        "exported", "consent_log", "consent log",
    )  # fmt: skip


def test_the_log_is_printed_and_nothing_else(capsys: Output) -> None:
    answers(1)
    call_command("consent_log", export="-", verify=True)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line).get("place") for line in lines] == [None, 1]


def test_a_file_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("consent_log", export=str(tmp_path / "nowhere" / "log.jsonl"))


@pytest.mark.parametrize("by", ["task", "worker"])
def test_the_log_is_sealed_in_the_background(by: str) -> None:
    answers(3)
    work: Any = tasks.seal_consent_log_task if by == "task" else Worker()
    work() if by == "task" else work(now=datetime(2026, 5, 5, tzinfo=UTC))
    assert verify_chain().last == 3


def test_the_schedule_names_the_task() -> None:
    assert hints.SEAL_CONSENT_LOG in hints.BEAT_SCHEDULE
    assert hints.SEAL_CONSENT_LOG in current_app.tasks
