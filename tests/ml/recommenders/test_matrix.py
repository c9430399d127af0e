"""A matrix says who did what and how surely, and nothing of who they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.interactions import Interactions, interactions_of
from personalization.ml.item_events import ENGAGED, ItemEvents
from personalization.ml.recommenders.matrix import (
    Matrix,
    binary_matrix,
    keys,
    shipped_dwell,
    shipped_weights,
    texts,
    weighted_matrix,
)
from personalization.ml.unfit import UnfitData
from tests.effort import examples

NAN = float("nan")
Event = tuple[int, str, str, float]

rows_of_events = st.lists(
    st.tuples(
        st.integers(0, 40), st.sampled_from("abcdef"), st.sampled_from("kl"), st.floats(0, 1e5)
    ),
    min_size=1,
    max_size=40,
)


def events(*rows: Event) -> Interactions:
    """Return events of (visitor, item, kind, amount), one after the other."""
    return interactions_of(
        [
            (visitor, n, item, kind, amount, n)
            for n, (visitor, item, kind, amount) in enumerate(rows)
        ]
    )


def table(matrix: Matrix) -> list[list[float]]:
    dense = np.zeros((matrix.n_rows, len(matrix.items)))
    dense[matrix.rows, matrix.columns] = matrix.values
    return dense.tolist()


def test_anything_done_any_number_of_times_is_1() -> None:
    matrix = binary_matrix(
        events((5, "x", "View", NAN), (5, "x", "Buy", 9.0), (2, "y", "View", NAN), (5, "y", "k", 0))
    )
    assert matrix.items == ("x", "y")
    assert table(matrix) == [[0, 1], [1, 1]]


def test_weights_of_what_was_done_add_up() -> None:
    rows = events((1, "x", "View", NAN), (1, "x", "Buy", 99.0), (1, "y", "Else", NAN))
    matrix = weighted_matrix(rows, weights={"View": 1, "Buy": 5}, dwell={})
    assert table(matrix) == [[6, 1]]


def test_time_spent_adds_its_logarithm() -> None:
    rows = events((1, "x", "Read", 540.0), (1, "y", "Read", NAN), (1, "z", "Buy", 540.0))
    matrix = weighted_matrix(rows, weights={}, dwell={"Read": 60.0})
    assert table(matrix)[0] == pytest.approx([1 + np.log(10), 1, 1])


def test_what_is_disliked_is_left_out() -> None:
    rows = events((1, "x", "View", NAN), (1, "x", "Removed", NAN), (2, "y", "View", NAN))
    matrix = weighted_matrix(rows, weights={"Removed": -1}, dwell={})
    assert matrix.items == ("y",)
    assert table(matrix) == [[1]]


def test_where_all_is_disliked_nothing_can_be_learned() -> None:
    rows = events((1, "x", "Removed", NAN), (2, "x", "Removed", NAN))
    with pytest.raises(UnfitData, match="All 2 pairs"):
        weighted_matrix(rows, weights={"Removed": -1}, dwell={})


def test_items_and_visitors_of_nothing_have_no_place() -> None:
    rows = events((1, "x", "k", NAN), (2, "y", "k", NAN), (9, "z", "k", NAN))
    matrix = binary_matrix(rows.where(rows.visitor != 2))
    assert matrix.items == ("x", "z")
    assert matrix.n_rows == 2


def test_shipped_weights_are_those_of_the_events() -> None:
    assert shipped_weights() == ItemEvents().weights
    assert shipped_weights()["Order Completed"] == 5
    assert set(shipped_dwell()) == {ENGAGED}


@examples(60)
@given(rows_of_events)
def test_it_is_what_scipy_makes_of_it(rows: list[Event]) -> None:
    interactions = events(*rows)
    for matrix in (
        binary_matrix(interactions),
        weighted_matrix(interactions, weights={"k": 2}, dwell={"l": 10}),
    ):
        np.testing.assert_allclose(matrix.sparse().toarray(), table(matrix))
        assert np.array(table(matrix.turned())).T.tolist() == table(matrix)
        for start, end in zip(matrix.starts, matrix.starts[1:], strict=False):
            assert (np.diff(matrix.columns[start:end]) > 0).all()
        assert matrix.counts().min() >= 1


@examples(40)
@given(rows_of_events, st.integers(1, 7))
def test_the_most_active_are_those_with_most_visitors(rows: list[Event], n: int) -> None:
    whole = binary_matrix(events(*rows))
    part = whole.most_active(n)
    counts = dict(zip(whole.items, whole.counts().tolist(), strict=True))
    assert len(part.items) == min(n, len(whole.items))
    assert dict(zip(part.items, part.counts().tolist(), strict=True)).items() <= counts.items()
    least = min(counts[item] for item in part.items)
    assert all(counts[item] <= least for item in whole.items if item not in part.items)


@examples(40)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
def test_keys_come_back_as_they_were(given_keys: list[str]) -> None:
    assert keys(texts(tuple(given_keys))) == tuple(given_keys)


def test_a_key_of_several_models_is_one_text_in_memory() -> None:
    one, other = (keys(texts(("a shoe", f"a hat of {n}")))[0] for n in range(2))
    assert one is other


@examples(100)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), min_size=1))
def test_only_what_is_chosen_is_left(told: list[tuple[int, int, bool]]) -> None:
    chosen = {(visitor, item): kept for visitor, item, kept in told}
    rows = sorted(chosen)
    matrix = binary_matrix(interactions_of([(v, v, f"i{i}", "k", 0.0, v) for v, i in rows]))
    left = matrix.only(np.array([chosen[row] for row in rows]))
    kept = [row for row in rows if chosen[row]]
    assert [left.items[column] for column in left.columns] == [f"i{item}" for _, item in kept]
    assert set(left.items) == {f"i{item}" for _, item in kept}
    visitors = np.unique([visitor for visitor, _ in kept], return_inverse=True)[1]
    np.testing.assert_array_equal(left.rows, visitors)
