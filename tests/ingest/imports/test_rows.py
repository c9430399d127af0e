"""CSV: what columns mean, and what values are."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from personalization.exceptions import UnreadableFile
from personalization.ingest.imports.rows import Rows
from tests.ingest.imports.files import calls, problems, records

READER = Rows()
TIME = "2026-05-04T10:00:00+00:00"


def _value(text: str) -> Any:
    (call,) = calls(READER, f'x\n"{text}"\n')
    return call["properties"]["x"]


def test_columns_that_are_called_like_a_field_are_that_field() -> None:
    (call,) = calls(
        READER,
        "timestamp,event,userId,anonymousId,messageId,total\n"
        "2026-05-04T10:00:00Z,Order Completed,17,a1,m1,59.90\n",
    )
    assert call == {
        "type": "track",
        "event": "Order Completed",
        "userId": "17",
        "anonymousId": "a1",
        "messageId": "m1",
        "timestamp": TIME,
        "properties": {"total": 59.9},
    }


@pytest.mark.parametrize("name", ["user_id", "User ID", "USERID", "user-id", " userId "])
def test_a_field_may_be_written_in_other_ways(name: str) -> None:
    assert calls(READER, f"{name},x\nu1,1\n") == [
        {"type": "track", "userId": "u1", "properties": {"x": 1}}
    ]


def test_other_columns_are_traits_of_a_person_and_properties_of_everything_else() -> None:
    content = "type,userId,plan\nidentify,u1,pro\npage,u2,pro\ngroup,u3,pro\n"
    assert [sorted(set(call) - {"type", "userId"}) for call in calls(READER, content)] == [
        ["traits"],
        ["properties"],
        ["traits"],
    ]


def test_a_dotted_column_says_where_it_belongs() -> None:
    header = "properties.address.city,traits.plan,context.page.url,context,product.name"
    (call,) = calls(READER, f"{header}\nVienna,pro,https://shop.example/,x,Shoe\n")
    assert call["properties"] == {
        "address": {"city": "Vienna"},
        "context": "x",
        "product.name": "Shoe",
    }
    assert call["traits"] == {"plan": "pro"}
    assert call["context"] == {"page": {"url": "https://shop.example/"}}


def test_columns_can_be_meant_for_something_else_or_for_nothing() -> None:
    reader = Rows(
        columns={
            "placed": "timestamp",
            "customer": "userId",
            "sum": "properties.total",
            "email": "",
        },
        fields={"event": "Order Completed"},
    )
    content = "placed,customer,sum,email\n2026-05-04T10:00:00Z,17,5,a@shop.example\n"
    assert calls(reader, content) == [
        {
            "type": "track",
            "event": "Order Completed",
            "userId": "17",
            "timestamp": TIME,
            "properties": {"total": 5},
        }
    ]


def test_a_row_may_say_otherwise_than_all_the_others() -> None:
    reader = Rows(fields={"event": "Order Completed", "type": "track"})
    content = "event,type,userId\n,,u1\nOrder Refunded,,u1\n,identify,u1\n"
    assert [(call["type"], call["event"]) for call in calls(reader, content)] == [
        ("track", "Order Completed"),
        ("track", "Order Refunded"),
        ("identify", "Order Completed"),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("17", 17),
        ("0", 0),
        ("-3", -3),
        ("007", "007"),
        ("+43", "+43"),
        ("12.50", 12.5),
        ("-0.5", -0.5),
        ("1.", "1."),
        (".5", ".5"),
        ("00.5", "00.5"),
        ("1e5", "1e5"),
        ("1,5", "1,5"),
        ("NaN", "NaN"),
        ("1_000", "1_000"),
        ("٣", "٣"),
        ("123456789012345", 123456789012345),
        ("1234567890123456", "1234567890123456"),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("2026-05-04", "2026-05-04"),
        ("[1, 2]", [1, 2]),
        ("[1, 2", "[1, 2"),
        ("{broken}", "{broken}"),
        ("[" * 50_000, "[" * 50_000),
        ("  padded ", "padded"),
    ],
)
def test_values_are_what_they_plainly_are(text: str, value: Any) -> None:
    found = _value(text)
    assert found == value
    assert type(found) is type(value)


def test_an_object_in_a_cell_is_an_object() -> None:
    assert _value('{""sku"": [""A"", 1]}') == {"sku": ["A", 1]}


def test_ids_are_texts_whatever_they_look_like() -> None:
    (call,) = calls(READER, "userId,event\n007,2026\n")
    assert (call["userId"], call["event"]) == ("007", "2026")


def test_what_is_empty_is_not_there() -> None:
    assert calls(READER, "userId,x,y\nu1,, \n") == [{"type": "track", "userId": "u1"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_tells_what_stands_between_columns(delimiter: str) -> None:
    content = delimiter.join(["userId", "x", "y"]) + "\n" + delimiter.join(["u1", "1", "2"]) + "\n"
    assert calls(READER, content) == [
        {"type": "track", "userId": "u1", "properties": {"x": 1, "y": 2}}
    ]


def test_a_quoted_header_may_hold_another_delimiter() -> None:
    (call,) = calls(READER, '"a,b,c";userId\n1;u1\n')
    assert call["properties"] == {"a,b,c": 1}


def test_a_value_may_go_over_several_lines() -> None:
    first, second = records(READER, 'userId,note\nu1,"one\ntwo\n\nthree"\nu2,x\n')
    assert first.call == {
        "type": "track",
        "userId": "u1",
        "properties": {"note": "one\ntwo\n\nthree"},
    }
    assert (first.line, first.last, second.line, second.last) == (2, 5, 6, 6)
    assert first.end == len('userId,note\nu1,"one\ntwo\n\nthree"\n')


def test_blank_rows_are_left_out() -> None:
    found = records(READER, "\nuserId,x\n\n,\nu1,1\n\n")
    assert [(record.line, record.left_out) for record in found] == [
        (3, "blank"),
        (4, "blank"),
        (5, ""),
        (6, "blank"),
    ]


def test_rows_of_another_length_are_refused_and_their_neighbours_kept() -> None:
    content = "userId,x\nu1,1\nu2\nu3,1,2\nu4,4\n"
    assert problems(READER, content) == {
        3: "The row has 1 values; the header names 2.",
        4: "The row has 3 values; the header names 2.",
    }
    assert [call["userId"] for call in calls(READER, content)] == ["u1", "u4"]


def test_a_quote_that_nothing_ends_takes_no_more_than_it_must() -> None:
    rows = "".join(f"u{n},{n}\n" for n in range(60_000))
    found = records(READER, f'userId,x\nu,"open\n{rows}')
    refused = [record for record in found if record.problem]
    assert refused[0].line == 2
    assert "field larger than field limit" in str(refused[0].problem)
    # What came behind it is read again from the next whole row on.
    assert found[-1].call == {"type": "track", "userId": "u59999", "properties": {"x": 59999}}
    assert len([record for record in found if record.call]) > 40_000


def test_a_row_in_another_encoding_is_a_problem_of_its_own() -> None:
    content = b"userId,x\nu1,caf\xe9\nu2,b\n"
    assert problems(READER, content) == {2: "Byte 7 of the line is not UTF-8."}
    assert [call["userId"] for call in calls(READER, content)] == ["u2"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-04T10:00:00Z", "2026-05-04T10:00:00+00:00"),
        ("2026-05-04T10:00:00.5+02:00", "2026-05-04T10:00:00.500000+02:00"),
        ("2026-05-04 10:00", "2026-05-04T10:00:00+02:00"),
        ("2026-01-04", "2026-01-04T00:00:00+01:00"),
        ("20260504", "2026-05-04T00:00:00+02:00"),
        ("1777888800", "2026-05-04T10:00:00+00:00"),
        ("1777888800.25", "2026-05-04T10:00:00.250000+00:00"),
        ("1777888800123", "2026-05-04T10:00:00.123000+00:00"),
        ("1777888800123456", "2026-05-04T10:00:00.123456+00:00"),
        ("yesterday", "yesterday"),
        ("04.05.2026", "04.05.2026"),
        ("2026-02-30", "2026-02-30"),
        ("17778888001234567", "17778888001234567"),
    ],
)
def test_times_without_an_offset_are_of_the_given_zone(text: str, moment: str) -> None:
    reader = Rows(zone=ZoneInfo("Europe/Vienna"))
    (call,) = calls(reader, f"timestamp,userId\n{text},u1\n")
    assert call["timestamp"] == moment


@pytest.mark.parametrize(
    ("header", "meant", "said"),
    [
        ("a,,b", {}, "The first line must name every column; it is “a,,b”."),
        ("a,b,a", {}, "Two columns are meant for properties.a: “a” and “a”."),
        ("user_id,userId", {}, "Two columns are meant for userId: “userId” and “user_id”."),
        ("x,properties.x", {}, "Two columns are meant for properties.x:"),
        ("traits.x,x", {}, "Two columns are meant for traits.x:"),
        ("properties.a.b,a", {}, "Two columns are meant for properties.a: “a” and "),
        ("properties.a.b.c,properties.a", {}, "Two columns are meant for properties.a:"),
        ("a,b", {"c": "event"}, "There is no column “c”. There are: a, b."),
        ("a,b", {"a": "evnt"}, "No column can be meant for “evnt”. Allowed: type, event, userId,"),
        ("a,b", {"a": "properties"}, "No column can be meant for “properties”."),
        ("a,b", {"a": "context..x"}, "No column can be meant for “context..x”."),
        ("a,b", {"a": "event", "b": "event"}, "Two columns are meant for event: “a” and “b”."),
    ],
)
def test_a_header_that_means_nothing_is_refused(
    header: str, meant: dict[str, str], said: str
) -> None:
    with pytest.raises(UnreadableFile) as caught:
        records(Rows(columns=meant), f"{header}\n1,2,3\n")
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_a_header_is_refused(content: str) -> None:
    with pytest.raises(UnreadableFile, match="The first line must name every column; it is “”."):
        records(READER, content)


def test_two_columns_may_be_left_out() -> None:
    reader = Rows(columns={"a": "", "b": ""})
    assert calls(reader, "a,b,userId\n1,2,u1\n") == [{"type": "track", "userId": "u1"}]


def test_a_header_in_another_encoding_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="The header cannot be read: Byte 4 .* not UTF-8"):
        records(READER, b"caf\xe9,x\n1,2\n")


def test_a_header_may_begin_with_a_byte_order_mark() -> None:
    (call,) = calls(READER, b"\xef\xbb\xbfuserId,x\nu1,1\n")
    assert call["userId"] == "u1"


def test_the_signature_tells_ways_of_reading_apart() -> None:
    ways = [
        Rows(),
        Rows(columns={"a": "event"}),
        Rows(fields={"type": "page"}),
        Rows(zone=ZoneInfo("Europe/Vienna")),
    ]
    assert len({way.signature for way in ways}) == 4
    assert Rows(columns={}, fields={}).signature == ways[0].signature
