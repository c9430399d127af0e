"""Most events are clean: finding that out fast must not find anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.exceptions import EventRejected
from personalization.ingest import clean

texts = st.text(st.characters(exclude_categories=()), max_size=4)
numbers = st.integers() | st.floats() | st.integers(-(10**400), 10**400)
leaves = st.none() | st.booleans() | numbers | texts | st.binary(max_size=2) | st.dates()
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(texts | st.integers(), inner, max_size=3)
    ),
)


def refused(value: Any) -> bool:
    """Return what the careful way says."""
    try:
        clean._refuse(value, "", 0)
    except EventRejected:
        return True
    return False


@given(values, st.integers(0, clean.MAX_DEPTH + 3), st.booleans())
def test_what_the_fast_way_lets_through_the_careful_way_does_too(
    value: Any, depth: int, in_lists: bool
) -> None:
    for _ in range(depth):
        value = [value] if in_lists else {"a": value}
    if clean._is_clean(value, 0):
        assert not refused(value)


@pytest.mark.parametrize(
    "value", [{}, [], "", "äöü 😀", 0, -1.5, True, None, {"a": [{"b": ["c", 1, None]}]}]
)
def test_what_clients_send_takes_the_fast_way(value: Any) -> None:
    assert clean._is_clean(value, 0)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    ),
    st.integers(0, clean.MAX_DEPTH + 3),
)
def test_what_can_be_written_holds_nothing_to_refuse(value: Any, depth: int) -> None:
    for _ in range(depth):
        value = [value]
    text = clean.written(value)
    if text is not None:
        assert not refused(value)
        assert json.loads(text) == value


@pytest.mark.parametrize(
    "value",
    ["\x00", "a\ud800", {"\x00": 1}, float("nan"), [float("inf")], {"a": {"b": "\udfff"}}],
)
def test_what_no_store_can_hold_is_looked_through(value: Any) -> None:
    assert clean.written(value) is None


def test_what_clients_send_is_written_at_once() -> None:
    assert clean.written({"a": ["ä😀", 1, 1.5, None, "\\x00"]}) is not None
