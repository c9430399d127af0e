"""Columns of what was done with items: what they may hold, and what speaks for an item."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.artefact import packed
from personalization.ml.base import Options, Recommender
from personalization.ml.evaluation.splits import split_at
from personalization.ml.interactions import (
    AGAINST,
    Catalogue,
    Dataset,
    Interactions,
    interactions_of,
)
from personalization.ml.item_events import QUICK_EXIT, SHIPPED
from personalization.ml.known import algorithms
from personalization.ml.recommenders.matrix import weighted_matrix
from personalization.ml.recommenders.questions import Asked, asked
from personalization.ml.unfit import UnfitData
from tests.effort import examples
from tests.ml.contract import MINUTE, small_dataset

NAN = float("nan")
Row = tuple[int, int, str, str, float, int]

some_rows = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 9),
        st.sampled_from("abcd"),
        st.sampled_from(["Product Viewed", "Product Removed", "Disliked", QUICK_EXIT]),
        st.floats(0, 100, width=32),
        st.integers(0, 1000),
    ),
    max_size=30,
)


def read(rows: Interactions) -> list[Row]:
    columns = (rows.visitor, rows.visit, rows.item, rows.kind, rows.amount, rows.at)
    return [
        (visitor, visit, rows.items[item], rows.kinds[kind], amount, at)
        for visitor, visit, item, kind, amount, at in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


@given(some_rows)
@examples(50)
def test_rows_come_back_in_the_order_of_time_whatever_order_they_were_in(rows: list[Row]) -> None:
    found = interactions_of(rows)
    assert sorted(read(found)) == sorted(rows)
    assert np.all(np.diff(found.at) >= 0)
    assert list(found.items) == sorted(set(found.items))


@given(some_rows, st.sets(st.sampled_from(["Product Removed", "Disliked", QUICK_EXIT])))
@examples(50)
def test_what_is_in_favour_is_all_but_what_speaks_against(
    rows: list[Row], against: set[str]
) -> None:
    found = replace(interactions_of(rows), against=frozenset(against))
    kept = found.in_favour()
    assert read(kept) == [row for row in read(found) if row[3] not in against]
    assert (kept.items, kept.kinds, kept.against) == (found.items, found.kinds, found.against)
    assert read(kept.in_favour()) == read(kept)


@given(some_rows, st.integers(-1, 1001))
@examples(50)
def test_an_instant_parts_rows_into_those_before_and_those_since(rows: list[Row], at: int) -> None:
    found = interactions_of(rows)
    assert [*read(found.before(at)), *read(found.since(at))] == read(found)
    assert all(row[5] < at for row in read(found.before(at)))


def test_without_other_word_what_is_shipped_below_zero_speaks_against() -> None:
    assert {"Product Removed", QUICK_EXIT} <= AGAINST
    assert all((SHIPPED[name].weight < 0) == (name in AGAINST) for name in SHIPPED)
    assert interactions_of([]).against == AGAINST


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"visitor": np.zeros(3, np.int32)}, "differ in length"),
        ({"item": np.array([0, 2], np.int32)}, "“item” has indices outside of 0…1"),
        ({"item": np.array([-1, 0], np.int32)}, "“item” has indices outside of 0…1"),
        ({"kind": np.array([0, 1], np.int32)}, "“kind” has indices outside of 0…0"),
    ],
    ids=["length", "too large", "below zero", "kind"],
)
def test_columns_that_do_not_fit_are_refused(wrong: dict[str, Any], said: str) -> None:
    rows = interactions_of([(0, 0, "a", "v", NAN, 0), (0, 0, "b", "v", NAN, 1)])
    with pytest.raises(UnfitData, match=said):
        replace(rows, **wrong)


@pytest.mark.parametrize(
    "columns",
    [
        {"items": ("a",), "texts": (), "tags": ((),)},
        {"items": ("a",), "texts": ("",), "tags": ()},
        {"items": (), "texts": ("",), "tags": ((),)},
    ],
)
def test_a_catalogue_with_a_gap_is_refused(columns: dict[str, Any]) -> None:
    with pytest.raises(UnfitData, match="a text and tags for each"):
        Catalogue(**columns)


#: All but those that heed what an event weighs.
BY_WHETHER = (
    "popularity", "item_knn", "user_knn", "ease", "rp3beta", "svd", "markov", "vstan",
)  # fmt: skip


def model_class(name: str) -> type[Recommender[Any]]:
    kind = algorithms.get(name)
    assert kind is not None
    assert issubclass(kind, Recommender)
    return kind


def disliked(dataset: Dataset, *, kind: str = "Product Removed") -> Dataset:
    """Return it with everybody, and somebody more, turning everything down as the last thing."""
    rows = read(dataset.interactions)
    items, visitors = dataset.interactions.items, dataset.interactions.n_visitors
    end = max(row[5] for row in rows) + MINUTE
    turned_down = [
        (visitor, visitor, item, kind, NAN, end)
        for visitor in range(visitors + 1)
        for item in items
    ]
    return replace(dataset, interactions=interactions_of([*rows, *turned_down]))


@pytest.mark.parametrize("name", BY_WHETHER)
def test_what_speaks_against_items_teaches_nobody_to_recommend_them(name: str) -> None:
    dataset = small_dataset()
    kind = model_class(name)
    once, again = (
        packed(kind(kind.config_class()).fit(each, Options(seed=1)))
        for each in (dataset, disliked(dataset))
    )
    assert once == again


@pytest.mark.parametrize("name", BY_WHETHER)
def test_who_has_only_what_speaks_against_items_learns_nothing(name: str) -> None:
    kind = model_class(name)
    rows = interactions_of([(n, n, "ab"[n % 2], QUICK_EXIT, 2.0, n) for n in range(20)])
    with pytest.raises(UnfitData, match="not one"):
        kind(kind.config_class()).fit(Dataset(interactions=rows, until=20), Options())


def test_by_weight_who_turns_all_down_likes_nothing_that_was_only_seen() -> None:
    rows = disliked(small_dataset(), kind="Hated").interactions
    with pytest.raises(UnfitData, match="weigh 0 or less"):
        weighted_matrix(rows, weights={"Hated": -2.0}, dwell={})


def all_asked(dataset: Dataset) -> list[Asked]:
    split = split_at(dataset, at=dataset.until // 2)
    return list(asked(split, n=1000, repeats=True, rng=np.random.default_rng(0)))


def test_what_speaks_against_an_item_is_neither_asked_about_nor_told_of() -> None:
    rows = interactions_of(
        [
            (0, 0, "a", "Product Viewed", NAN, 1),
            (0, 0, "b", "Product Removed", NAN, 2),
            (0, 1, "c", "Product Viewed", NAN, 6),
            (0, 1, "d", "Product Removed", NAN, 7),
            (0, 1, "e", "Product Viewed", NAN, 8),
        ]
    )
    several = all_asked(Dataset(interactions=rows, until=10))
    assert {(each.history.items, *each.targets) for each in several} == {
        (("a",), "c"),
        (("a", "c"), "e"),
    }
