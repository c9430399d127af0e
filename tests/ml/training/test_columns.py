"""Rows that come one visitor at a time are the same columns as all of them at once."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import microseconds
from personalization.ml.interactions import Interactions, interactions_of
from personalization.ml.item_events import Concern
from personalization.ml.training.columns import Columns
from personalization.ml.training.journeys import Done
from tests.effort import examples
from tests.ml.training.visitors import after

#: Of one visitor: (visit, item, kind, minutes).
rows = st.tuples(
    st.integers(0, 3), st.sampled_from("abcd"), st.sampled_from(["V", "A"]), st.integers(0, 40)
)
logs = st.lists(st.lists(rows, max_size=6), max_size=6)


def gathered(log: list[list[Any]]) -> Interactions:
    columns = Columns()
    for visitor in log:
        # A later visit begins when the one before is over.
        ordered = sorted(visitor, key=lambda row: (row[0], row[3]))
        columns.add(
            Done(visit, Concern(item, kind, 1.0), after(100 * visit + minutes))
            for visit, item, kind, minutes in ordered
        )
    return columns.interactions()


def told(found: Interactions) -> Counter[tuple[str, str, int]]:
    return Counter(
        (found.items[item], found.kinds[kind], int(at))
        for item, kind, at in zip(found.item, found.kind, found.at, strict=True)
    )


@examples(100)
@given(log=logs)
def test_all_rows_are_there_in_the_order_of_time(log: list[list[Any]]) -> None:
    found = gathered(log)
    assert told(found) == Counter(
        (item, kind, microseconds(after(100 * visit + minutes)))
        for visitor in log
        for visit, item, kind, minutes in visitor
    )
    places = list(zip(found.at.tolist(), found.visit.tolist(), strict=True))
    assert places == sorted(places)
    assert found.items == tuple(sorted(found.items))
    assert found.kinds == tuple(sorted(found.kinds))


@examples(100)
@given(log=logs)
def test_visitors_and_visits_are_counted_as_they_appear(log: list[list[Any]]) -> None:
    found = gathered(log)
    for numbers in (found.visitor.tolist(), found.visit.tolist()):
        appeared = list(dict.fromkeys(numbers))
        assert appeared == list(range(len(appeared)))
    # A visit is of one visitor.
    pairs = set(zip(found.visit.tolist(), found.visitor.tolist(), strict=True))
    assert len(pairs) == len({visit for visit, _ in pairs})
    assert found.n_visitors == sum(bool(visitor) for visitor in log)


@examples(60)
@given(log=logs, seed=st.randoms(use_true_random=False))
def test_in_which_order_the_database_has_visitors_makes_no_difference(
    log: list[list[Any]], seed: Any
) -> None:
    shuffled = list(log)
    seed.shuffle(shuffled)
    one, other = gathered(log), gathered(shuffled)
    assert told(one) == told(other)
    np.testing.assert_array_equal(one.at, other.at)
    sizes = [Counter(each.visitor.tolist()) for each in (one, other)]
    assert sorted(sizes[0].values()) == sorted(sizes[1].values())


def test_they_are_the_columns_that_rows_make_at_once() -> None:
    log = [[(0, "b", "V", 0), (0, "a", "A", 2), (1, "b", "V", 0)], [(0, "a", "V", 1)]]
    expected = interactions_of(
        [
            (0, 0, "b", "V", 1.0, microseconds(after(0))),
            (1, 1, "a", "V", 1.0, microseconds(after(1))),
            (0, 0, "a", "A", 1.0, microseconds(after(2))),
            (0, 2, "b", "V", 1.0, microseconds(after(100))),
        ]
    )
    found = gathered(log)
    for name in ("visitor", "visit", "item", "kind", "amount", "at"):
        column = getattr(found, name)
        np.testing.assert_array_equal(column, getattr(expected, name))
        assert column.dtype == getattr(expected, name).dtype
    assert (found.items, found.kinds) == (expected.items, expected.kinds)


@pytest.mark.parametrize("amount", [math.nan, 0.0, 1e9])
def test_what_was_measured_is_kept(amount: float) -> None:
    columns = Columns()
    columns.add([Done(0, Concern("a", "V", amount), after(0))])
    np.testing.assert_array_equal(columns.interactions().amount, np.float32([amount]))


def test_who_did_nothing_with_items_is_no_visitor() -> None:
    columns = Columns()
    columns.add([])
    columns.add([Done(0, Concern("a", "V"), after(0))])
    columns.add([])
    assert columns.interactions().n_visitors == 1
