"""Portions: bounded in events, in bytes and in lines."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from django.test import override_settings

from personalization.exceptions import UnreadableFile
from personalization.ingest.imports.chunks import MOST_EVENTS, MOST_RECORDS, chunks
from personalization.ingest.imports.jsonl import JsonLines
from personalization.ingest.imports.lines import read_lines
from personalization.ingest.imports.record import Record


def _sizes(content: bytes) -> list[int]:
    records = JsonLines(fields={}).records(read_lines(io.BytesIO(content)))
    return [len(chunk) for chunk in chunks(records)]


def test_a_portion_has_a_bounded_number_of_events() -> None:
    assert _sizes(b"{}\n" * (2 * MOST_EVENTS + 1)) == [MOST_EVENTS, MOST_EVENTS, 1]
    assert _sizes(b"{}\n" * MOST_EVENTS) == [MOST_EVENTS]
    assert _sizes(b"") == []


def test_a_portion_is_no_longer_than_a_request_may_be() -> None:
    with override_settings(PERSONALIZATION_BATCH_MAX_EVENTS=3):
        assert _sizes(b"{}\n" * 7) == [3, 3, 1]


def test_a_portion_ends_when_it_has_enough_bytes() -> None:
    with override_settings(PERSONALIZATION_BATCH_MAX_BYTES=10):
        assert _sizes(b"{}  \n" * 5) == [2, 2, 1]
        assert _sizes(b"{}" + b" " * 20 + b"\n{}\n{}\n") == [1, 2]


def test_lines_without_an_event_do_not_fill_a_portion_but_end_it_in_time() -> None:
    assert _sizes(b"\n" * (MOST_EVENTS + 5) + b"{}\n" * MOST_EVENTS) == [2 * MOST_EVENTS + 5]
    assert _sizes(b"\n" * (MOST_RECORDS + 3)) == [MOST_RECORDS, 3]


@pytest.mark.parametrize(("n", "sizes"), [(3, [3]), (0, []), (MOST_EVENTS, [MOST_EVENTS])])
def test_what_stands_before_the_damage_is_a_portion(n: int, sizes: list[int]) -> None:
    found: list[int] = []

    def damaged() -> Iterator[Record]:
        for number in range(1, n + 1):
            yield Record(line=number, last=number, end=number, call={})
        raise UnreadableFile("damaged")

    with pytest.raises(UnreadableFile, match="damaged"):
        found.extend(len(chunk) for chunk in chunks(damaged()))
    assert found == sizes
