"""A file as it lies there: gzipped or not, and known again."""

from __future__ import annotations

import gzip
import io
import os
import threading
from pathlib import Path

import pytest

from personalization.exceptions import UnreadableFile
from personalization.ingest.imports.opening import open_file


def _fingerprint(path: Path) -> str:
    with open_file(str(path)) as file:
        return file.fingerprint


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\ntwo\n")
    with open_file(str(path)) as file:
        assert (file.name, file.size, file.read()) == ("events.jsonl", 8, 0)
        assert file.stream.read() == b"one\ntwo\n"
        assert file.read() == 8


@pytest.mark.parametrize("name", ["events.jsonl.gz", "events.jsonl"])
def test_gzip_is_told_by_its_first_bytes_and_not_by_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    # Two parts, one behind the other: as logs are that were joined.
    path.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    with open_file(str(path)) as file:
        assert file.stream.readlines() == [b"one\n", b"two\n"]
        assert file.size == path.stat().st_size == file.read()


def test_an_empty_file_can_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with open_file(str(path)) as file:
        assert file.stream.read() == b""
        assert file.fingerprint


def test_a_file_is_known_again_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * 200_000)
    os.utime(path, (1, 1))
    first = _fingerprint(path)
    assert _fingerprint(path) == first
    os.utime(path, (1, 2))
    changed = {first, _fingerprint(path)}
    for content in (b"y" + b"x" * 199_999, b"x" * 199_999 + b"y", b"x" * 200_001):
        path.write_bytes(content)
        os.utime(path, (1, 1))
        changed.add(_fingerprint(path))
    assert len(changed) == 5


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UnreadableFile, match="“/nowhere/x.csv” cannot be read: No such file"):
        _fingerprint(Path("/nowhere/x.csv"))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="cannot be read: Is a directory"):
        _fingerprint(tmp_path)


@pytest.mark.parametrize("content", [b"one\n", gzip.compress(b"one\n")], ids=["plain", "gzip"])
def test_what_is_piped_in_is_read_and_not_known_again(
    monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))
    with open_file("-") as file:
        assert (file.size, file.fingerprint, file.read()) == (0, "", 0)
        assert file.stream.read() == b"one\n"


def test_a_named_pipe_is_read_and_not_known_again(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[b"one\n"])
    writer.start()
    with open_file(str(path)) as file:
        assert (file.size, file.fingerprint) == (0, "")
        assert file.stream.read() == b"one\n"
    writer.join()
