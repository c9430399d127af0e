"""JSON Lines: a call in each line."""

from __future__ import annotations

import pytest

from personalization.ingest.imports.jsonl import JsonLines
from tests.ingest.imports.files import calls, json_lines, problems, records, viewed

READER = JsonLines(fields={})


def test_each_line_is_a_call() -> None:
    assert calls(READER, json_lines(viewed(1), viewed(2))) == [viewed(1), viewed(2)]


def test_blank_lines_are_left_out_and_counted() -> None:
    found = records(READER, "\n" + json_lines(viewed()) + "  \r\n")
    assert [record.left_out for record in found] == ["blank", "", "blank"]
    assert [record.line for record in found] == [1, 2, 3]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "The line is not JSON: Expecting property name"),
        ("nothing", "The line is not JSON: "),
        ("[]", "Each line is a JSON object, not list."),
        ('"text"', "Each line is a JSON object, not str."),
        ("[" * 100_000, "The JSON is nested too deeply."),
    ],
)
def test_a_line_that_is_no_object_is_named_and_its_neighbours_are_read(
    line: str, said: str
) -> None:
    content = json_lines(viewed(1)) + line + "\n" + json_lines(viewed(2))
    assert problems(READER, content)[2].startswith(said)
    assert calls(READER, content) == [viewed(1), viewed(2)]


def test_a_line_in_another_encoding_is_a_problem_of_its_own() -> None:
    content = json_lines(viewed()).encode() + '{"event": "Café"}\n'.encode("latin-1")
    assert "not UTF-8" in problems(READER, content)[2]
    assert calls(READER, content) == [viewed()]


def test_every_line_has_the_given_fields_unless_it_says_otherwise() -> None:
    reader = JsonLines(fields={"type": "track", "event": "Signed Up"})
    stated = {"event": "Left", "userId": "u1"}
    assert calls(reader, json_lines({"userId": "u2"}, stated)) == [
        {"type": "track", "event": "Signed Up", "userId": "u2"},
        {"type": "track", **stated},
    ]


def test_the_signature_tells_ways_of_reading_apart() -> None:
    ways = [JsonLines(fields={}), JsonLines(fields={"type": "page"}), JsonLines(fields={})]
    assert [way.signature == ways[0].signature for way in ways] == [True, False, True]
