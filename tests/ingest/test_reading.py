from __future__ import annotations

from typing import Any

import pytest

from personalization.exceptions import EventRejected
from personalization.ingest.reading import (
    MILLISECOND,
    SECOND,
    number_of,
    object_of,
    shown,
    text_of,
    time_of,
)


def test_nothing_is_an_empty_object_and_anything_else_none() -> None:
    assert object_of(None) == {}
    assert object_of({"a": 1}) == {"a": 1}
    with pytest.raises(EventRejected, match="/props is a JSON object") as refused:
        object_of([], "/props")
    assert (refused.value.code, refused.value.pointer) == ("invalid_event", "/props")


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (" ", None), ("", None), (1, None)])
def test_a_text_has_something_in_it(value: Any, text: str | None) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (1.5, 1.5),
        ("3", 3),
        ("59.90", 59.9),
        (" 3 ", 3),
        (-1, -1),
        (0, 0),
        (True, None),
        (None, None),
        ("", None),
        ("much", None),
        ("nan", None),
        ("inf", None),
        (float("nan"), None),
        (float("inf"), None),
        (10**301, None),
        ("9" * 5000, None),
        ([], None),
    ],
)
def test_a_number_can_be_reckoned_with(value: Any, number: Any) -> None:
    assert number_of(value) == number


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, SECOND, None),
        (0, SECOND, "1970-01-01T00:00:00+00:00"),
        (1795176000, SECOND, "2026-11-20T12:00:00+00:00"),
        ("1795176000500", MILLISECOND, "2026-11-20T12:00:00.500000+00:00"),
        (1795176000000001, 1, "2026-11-20T12:00:00.000001+00:00"),
        (1795176000.5, SECOND, "2026-11-20T12:00:00.500000+00:00"),
    ],
)
def test_a_count_since_1970_is_a_time(value: Any, unit: int, text: str | None) -> None:
    assert time_of(value, unit=unit, pointer="/at") == text


@pytest.mark.parametrize("value", ["soon", [], True, 10**20, -(10**20), 1e299, float("nan")])
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(EventRejected, match="/at: “.*” is not a time") as refused:
        time_of(value, unit=SECOND, pointer="/at")
    assert (refused.value.code, refused.value.pointer) == ("invalid_timestamp", "/at")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Größe", "Größe"),
        ("x" * 80, "x" * 50),
        ("a\x00b\ud800c\n", "a\ufffdb\ufffdc\ufffd"),
        (17, "17"),
        (None, "None"),
        ([1], "a list"),
    ],
)
def test_what_an_error_quotes_fits_every_answer(value: Any, text: str) -> None:
    assert shown(value) == text
