"""Which visits had an item: by the index, and by looking at all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.recommenders.session_index import SessionIndex, index_of
from personalization.ml.recommenders.sessions import Sessions
from tests.effort import examples

N_ITEMS = 6
several_visits = st.lists(
    st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=8), max_size=12
)


def sessions(visits: list[list[int]]) -> Sessions:
    return Sessions(
        items=np.array([item for visit in visits for item in visit], np.int32),
        starts=np.concatenate(([0], np.cumsum([len(visit) for visit in visits]))).astype(np.int64),
        ended=np.arange(len(visits), dtype=np.int64),
    )


def had(index: SessionIndex, item: int, *, n: int = 1000) -> list[tuple[int, int]]:
    """Return (visit, place in it) of what is found of an item."""
    steps = index.found(item, n=n)
    visits = index.visits[steps]
    return [
        (int(visit), int(step - index.sessions.starts[visit]))
        for visit, step in zip(visits, steps, strict=True)
    ]


def by_looking(visits: list[list[int]], item: int) -> list[tuple[int, int]]:
    """Return the same in the plainest way: the last place in each visit, the latest first."""
    return [
        (number, len(visit) - 1 - visit[::-1].index(item))
        for number, visit in reversed([*enumerate(visits)])
        if item in visit
    ]


@given(several_visits)
@examples(150)
def test_the_index_finds_what_looking_finds(visits: list[list[int]]) -> None:
    index = index_of(sessions(visits), n_items=N_ITEMS)
    for item in range(N_ITEMS):
        assert had(index, item) == by_looking(visits, item)


@given(several_visits, st.integers(0, 15))
@examples(100)
def test_of_many_the_latest_are_found(visits: list[list[int]], n: int) -> None:
    index = index_of(sessions(visits), n_items=N_ITEMS)
    for item in range(N_ITEMS):
        assert had(index, item, n=n) == by_looking(visits, item)[:n]


@given(several_visits)
@examples(100)
def test_visits_are_as_wide_as_they_have_different_items(visits: list[list[int]]) -> None:
    index = index_of(sessions(visits), n_items=N_ITEMS)
    assert index.widths.tolist() == [len(set(visit)) for visit in visits]


@given(several_visits)
@examples(100)
def test_the_fewer_visits_had_an_item_the_rarer_it_is(visits: list[list[int]]) -> None:
    rarity = index_of(sessions(visits), n_items=N_ITEMS).rarity()
    for item in range(N_ITEMS):
        n = sum(item in visit for visit in visits)
        assert rarity[item] == pytest.approx(math.log(len(visits) / n) if n else 0, abs=1e-6)


def test_what_everybody_had_is_not_rare_at_all() -> None:
    rarity = index_of(sessions([[0, 1], [0], [0, 2]]), n_items=4).rarity()
    assert rarity[0] == rarity[3] == 0
    assert rarity[1] == rarity[2] > 0


def test_of_no_visits_nothing_is_found() -> None:
    index = index_of(sessions([]), n_items=3)
    assert [had(index, item) for item in range(3)] == [[], [], []]
    assert index.rarity().tolist() == [0, 0, 0]
