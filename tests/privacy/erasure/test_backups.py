"""After a restore, whoever was erased since the backup is erased again."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from personalization.exceptions import UnreadableFile
from personalization.ingest.models import DeadLetter
from personalization.privacy.erasure.backups import erase_again, written_list
from personalization.privacy.erasure.finish import erase
from personalization.profiles.identity import Key, find, find_or_create
from personalization.profiles.models import Identity
from personalization.profiles.suppressions import Suppression
from tests.privacy.erasure.conftest import FRIEND, NOW, PHONE, USER, whole

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)


def restore_backup(*, created_at: object = NOW - timedelta(days=9)) -> list[str]:
    """Erase two of three, and bring all of them back as a backup does; return the list."""
    find_or_create([USER, PHONE, FRIEND])
    for key in (USER, PHONE):
        erase(whole(key), channel="command", now=NOW)
    lines = list(written_list())
    Suppression.objects.all().delete()
    find_or_create([USER, PHONE])
    Identity.objects.update(created_at=created_at)
    return lines


def test_the_erased_go_and_the_others_stay() -> None:
    repeated = erase_again(restore_backup(), now=LATER)
    assert find([USER, PHONE, FRIEND]).keys() == {FRIEND}
    assert len(repeated.erasures) == 2


def test_the_list_is_taken_over_as_it_was() -> None:
    lines = restore_backup()
    repeated = erase_again(lines, now=LATER)
    assert sorted(written_list()) == sorted(lines)
    assert repeated.read == len(lines)


def test_a_second_run_finds_nobody() -> None:
    lines = restore_backup()
    erase_again(lines, now=LATER)
    assert erase_again(lines, now=LATER).erasures == ()


def test_who_came_back_after_the_erasure_stays() -> None:
    lines = restore_backup(created_at=NOW + timedelta(minutes=5))
    assert erase_again(lines, now=LATER).erasures == ()
    assert find([USER])


def test_who_is_only_named_in_a_letter_is_erased_too(life: object) -> None:
    gone = Key("user", "gone-4711")
    erase(whole(gone), channel="command", now=NOW)
    DeadLetter.objects.update(namespace=gone.namespace, value=gone.value)
    assert len(erase_again(written_list(), now=LATER).erasures) == 1
    assert not DeadLetter.objects.exists()


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        json.dumps({"digest": "short", "reason": "erased", "since": "x", "lifted_at": None}),
        json.dumps({"digest": "0" * 64, "reason": "?", "since": "2026-01-01", "lifted_at": None}),
        json.dumps(
            {"digest": "0" * 64, "reason": "erased", "since": "2026-01-01", "lifted_at": None}
        ),
    ],
)
def test_what_is_no_list_is_refused_before_anything_is_erased(line: str) -> None:
    lines = [*restore_backup(), line]
    with pytest.raises(UnreadableFile, match=f"Line {len(lines)} "):
        erase_again(lines, now=LATER)
    assert find([USER, PHONE]).keys() == {USER, PHONE}


def test_the_commands_write_the_list_and_read_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    restore_backup()
    erase(whole(USER), channel="command", now=NOW)
    path = tmp_path / "list.jsonl"
    call_command("export_suppressions", str(path))
    assert USER.value not in path.read_text()
    call_command("erase_again", str(path))
    assert "0 erased again" in capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == ["list.jsonl"]


def test_a_list_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nowhere"):
        call_command("erase_again", str(tmp_path / "nowhere"))
