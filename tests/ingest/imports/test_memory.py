"""Memory does not grow with the file."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import IO, Any, cast

import pytest

from personalization.events.models import BufferedBatch, Source
from personalization.ingest.imports.access_log import AccessLog
from personalization.ingest.imports.jsonl import JsonLines
from personalization.ingest.imports.opening import OpenFile
from personalization.ingest.imports.record import Reader
from personalization.ingest.imports.rows import Rows
from personalization.ingest.imports.run import begin, import_file
from tests.ingest.imports.files import logged, viewed

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MEGABYTE = 1_000_000


class Generated(io.RawIOBase):
    """A file that nobody has: its lines are made when they are read."""

    def __init__(self, lines: Iterator[str], *, size: int) -> None:
        self._lines, self._left, self._rest = lines, size, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while len(self._rest) < len(buffer) and self._left > 0:
            line = next(self._lines).encode()
            self._rest += line
            self._left -= len(line)
        n = min(len(self._rest), len(buffer))
        buffer[:n], self._rest = self._rest[:n], self._rest[n:]
        return n


NOTE = "x" * 300


def _json_lines() -> Iterator[str]:
    for number in range(10**9):
        yield f"{json.dumps(viewed(number, context={'note': NOTE}))}\n"


def _rows() -> Iterator[str]:
    yield "timestamp,event,userId,number,note\n"
    for number in range(10**9):
        yield f"2026-05-04T10:00:00Z,Product Viewed,u{number},{number},{NOTE}\n"


def _log() -> Iterator[str]:
    for number in range(10**9):
        yield logged(f"/page/{number}" if number % 10 == 0 else f"/style{number}.css")


def _unreadable() -> Iterator[str]:
    while True:
        yield "x" * 200 + "\n"


def _peak(lines: Iterator[str], reader: Reader, source: Source, *, size: int) -> int:
    """Return the most memory that importing so many bytes needed at once."""
    stream = cast(IO[bytes], io.BufferedReader(Generated(lines, size=size)))
    file = OpenFile(name="generated", stream=stream)
    run = begin(file, reader=reader, source=source, again=False)
    tracemalloc.start()
    try:
        for _ in import_file(file, reader=reader, run=run, now=NOW):
            BufferedBatch.objects.all().delete()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("megabytes", "lines", "reader"),
    [
        (50, _json_lines, JsonLines(fields={})),
        (20, _rows, Rows()),
        (20, _log, AccessLog()),
        (20, _unreadable, JsonLines(fields={})),
    ],
    ids=["jsonl", "csv", "access-log", "unreadable"],
)
def test_a_long_file_needs_no_more_than_a_short_one(
    make_source: Callable[..., Source],
    megabytes: int,
    lines: Callable[[], Iterator[str]],
    reader: Reader,
) -> None:
    source = make_source()
    few = _peak(lines(), reader, source, size=2 * MEGABYTE)
    many = _peak(lines(), reader, source, size=megabytes * MEGABYTE)
    assert many < 32 * MEGABYTE
    assert many < 1.3 * few, f"{few} bytes for 2 MB, {many} for {megabytes} MB"
