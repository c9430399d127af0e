"""Somebody is taken out of the files of an archive, and nobody else."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from personalization.events.archived import naming_archives, remove_from_archives
from personalization.profiles.identity import Key
from personalization.profiles.needles import Needles

ANN = Needles.of([Key("user", "ann-4711")])
LINES = ['{"userId":"ann-4711"}\n', '{"userId":"bob-0815"}\n', '{"x":{"by":"ann-4711"}}\n']


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.PERSONALIZATION_EVENT_ARCHIVE = str(tmp_path)
    return tmp_path


def written(folder: Path, *lines: str, month: str = "2025-01") -> Path:
    path = folder / f"events-{month}-shop.jsonl.gz"
    path.write_bytes(gzip.compress("".join(lines).encode()))
    return path


def read(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def test_only_the_lines_of_others_stay(folder: Path) -> None:
    path = written(folder, *LINES)
    assert remove_from_archives(ANN) == 2
    assert read(path) == LINES[1]


def test_the_successor_is_read_by_whom_the_file_was(folder: Path) -> None:
    path = written(folder, *LINES)
    path.chmod(0o640)
    remove_from_archives(ANN)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in folder.iterdir()] == [path.name]


def test_a_file_of_others_is_not_touched(folder: Path) -> None:
    path = written(folder, LINES[1])
    before = path.stat()
    assert remove_from_archives(ANN) == 0
    assert path.stat().st_ino == before.st_ino


def test_who_is_in_a_file_is_found(folder: Path) -> None:
    path = written(folder, *LINES)
    written(folder, LINES[1], month="2025-02")
    assert list(naming_archives(ANN)) == [path.name]


def test_an_archive_that_is_being_written_counts_as_a_find(folder: Path) -> None:
    (folder / ".17.part").touch()
    assert list(naming_archives(ANN)) == ["unfinished: .17.part"]


def test_a_broken_file_is_told_of_and_stays(folder: Path) -> None:
    path = written(folder, *LINES)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(EOFError):
        remove_from_archives(ANN)
    assert [each.name for each in folder.iterdir()] == [path.name]


def test_without_an_archive_nobody_is_in_one(settings: Any) -> None:
    settings.PERSONALIZATION_EVENT_ARCHIVE = ""
    assert remove_from_archives(ANN) == 0
    assert list(naming_archives(ANN)) == []
