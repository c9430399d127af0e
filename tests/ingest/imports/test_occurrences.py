"""Message ids for those who state none: the same every time a file is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from personalization.ingest.imports.occurrences import Occurrences
from tests.ingest.imports.files import viewed


@pytest.fixture
def occurrences() -> Iterator[Occurrences]:
    with closing(Occurrences()) as found:
        yield found


def _ids(occurrences: Occurrences, *calls: Any) -> list[str]:
    return [call["messageId"] for call in occurrences.identified(calls)]


def test_a_stated_id_stays(occurrences: Occurrences) -> None:
    assert occurrences.identified([viewed(messageId="m1")]) == [viewed(messageId="m1")]


def test_two_files_with_the_same_lines_give_the_same_ids(occurrences: Occurrences) -> None:
    calls = [viewed(1), viewed(2), viewed(1), viewed(1)]
    with closing(Occurrences()) as another:
        first, second = _ids(occurrences, *calls), _ids(another, *calls)
    assert first == second
    assert len(set(first)) == 4
    assert first[2:] == [f"{first[0]}-2", f"{first[0]}-3"]


def test_it_counts_on_from_one_portion_to_the_next(occurrences: Occurrences) -> None:
    (first,) = _ids(occurrences, viewed(1))
    second, other = _ids(occurrences, viewed(1), viewed(2))
    assert second == f"{first}-2"
    assert "-2" not in other[-2:]
    assert _ids(occurrences, viewed(2)) == [f"{other}-2"]


def test_what_it_says_counts_and_not_in_which_order(occurrences: Occurrences) -> None:
    call = viewed()
    turned = dict(reversed(call.items()))
    assert _ids(occurrences, call, turned)[1].endswith("-2")
    assert len(set(_ids(occurrences, viewed(5), viewed(6), viewed(5, userId="u2")))) == 3


def test_an_id_has_a_length_that_is_allowed(occurrences: Occurrences) -> None:
    ids = _ids(occurrences, *[viewed()] * 1000)
    assert max(map(len, ids)) < 100


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_empty_id_is_none(occurrences: Occurrences, nothing: Any) -> None:
    (found,) = _ids(occurrences, viewed(messageId=nothing))
    assert found.startswith("import-")


def test_what_no_store_can_hold_does_not_stop_it(occurrences: Occurrences) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    poison = [viewed(properties={"x": "\ud800"}), viewed(properties={"x": float("nan")})]
    found = occurrences.identified([viewed(properties=deep), *poison])
    assert "messageId" not in found[0]
    assert len({call.get("messageId") for call in found}) == 3
