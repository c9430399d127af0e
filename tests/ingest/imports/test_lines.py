"""A file line by line: in bounded memory, and with the place each line ends at."""

from __future__ import annotations

import gzip
import io

import pytest

from personalization.exceptions import EventRejected, UnreadableFile
from personalization.ingest.imports.lines import LONGEST, Line, read_lines


def _lines(content: bytes) -> list[Line]:
    return list(read_lines(io.BytesIO(content)))


def test_a_line_knows_its_number_and_where_it_ends() -> None:
    content = "früh\r\n\nspät".encode()
    first, second, third = _lines(content)
    assert (first.number, first.end, first.text()) == (1, 7, "früh")
    assert (second.number, second.end, second.is_blank) == (2, 8, True)
    assert (third.number, third.end, third.text()) == (3, len(content), "spät")
    assert not third.is_blank


def test_an_empty_file_has_no_lines() -> None:
    assert _lines(b"") == []


def test_only_a_file_begins_with_a_byte_order_mark() -> None:
    first, second = _lines(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n")
    assert first.text() == "a"
    assert second.text() == "\ufeffb"


@pytest.mark.parametrize("longer", [1, 2, LONGEST, 3 * LONGEST + 17])
def test_of_a_line_that_is_too_long_only_the_beginning_is_kept(longer: int) -> None:
    content = b"x" * (LONGEST + longer) + b"\nshort\n"
    long, short = _lines(content)
    assert len(long.data) == LONGEST + 1
    with pytest.raises(EventRejected, match="more than the 262144 bytes") as caught:
        long.text()
    assert caught.value.code == "event_too_large"
    assert (short.number, short.text(), short.end) == (2, "short", len(content))
    assert long.end == len(content) - len(b"short\n")


def test_the_last_line_may_be_too_long_too() -> None:
    (long,) = _lines(b"x" * (5 * LONGEST))
    assert long.end == 5 * LONGEST


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST])
def test_a_line_may_be_as_long_as_is_allowed(length: int) -> None:
    (line,) = _lines(b"x" * length)
    assert len(line.text()) == length


def test_what_is_not_utf_8_is_said_by_its_place() -> None:
    bad, good = _lines(b"caf\xe9\ncaf\xc3\xa9\n")
    with pytest.raises(EventRejected, match="Byte 4 of the line is not UTF-8") as caught:
        bad.text()
    assert caught.value.code == "invalid_line"
    assert good.text() == "café"


@pytest.mark.parametrize("end", [b"", b"x" * 8])
def test_a_damaged_gzip_is_read_as_far_as_it_goes(end: bytes) -> None:
    whole = gzip.compress(b"".join(b"line %d\n" % n for n in range(2000)))
    lines = read_lines(gzip.GzipFile(fileobj=io.BytesIO(whole[:-8] + end)))
    read: list[Line] = []
    with pytest.raises(UnreadableFile, match=r"The gzip is damaged after line \d+: "):
        read.extend(lines)
    assert len(read) > 1000


def test_what_is_no_gzip_behind_its_first_bytes_is_damaged() -> None:
    with pytest.raises(UnreadableFile, match="damaged after line 0"):
        list(read_lines(gzip.GzipFile(fileobj=io.BytesIO(b"\x1f\x8bnonsense, and long enough"))))
