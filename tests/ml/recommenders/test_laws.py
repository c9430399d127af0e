"""Laws that hold for every recommender of who did what, whatever it was that they did.

What a number of a visitor or a visit says of them is nothing, so no other numbering may change
what is recommended; and time moves on for all alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from personalization.ml.arrays import Floats, Indices
from personalization.ml.artefact import packed
from personalization.ml.base import Options, Recommender
from personalization.ml.history import History, Step, history_of
from personalization.ml.interactions import Dataset, Interactions, interactions_of
from personalization.ml.known import algorithms
from personalization.ml.unfit import UnfitData
from tests.effort import examples

NAN = float("nan")
MINUTE = 60_000_000
HOUR = 60 * MINUTE
ITEMS = "abcdefg"
#: Configurations that are quick to learn; the others as shipped.
CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "ials": {"factors": 4, "iterations": 2},
    "svd": {"factors": 3},
}
NAMES = (
    "popularity", "item_knn", "user_knn", "ease", "rp3beta", "ials", "svd", "markov", "vstan",
)  # fmt: skip
every_one = pytest.mark.parametrize("name", NAMES)

several_visits = st.lists(
    st.tuples(st.integers(0, 6), st.lists(st.sampled_from(ITEMS), min_size=1, max_size=5)),
    min_size=2,
    max_size=14,
)
Visits = list[tuple[int, list[str]]]


def dataset_of(visits: Visits, *, later: int = 0) -> Dataset:
    """Return visits an hour apart, a minute for each step."""
    rows = [
        (visitor, number, item, "Product Viewed", NAN, number * HOUR + place * MINUTE + later)
        for number, (visitor, items) in enumerate(visits)
        for place, item in enumerate(items)
    ]
    return Dataset(interactions=interactions_of(rows), until=len(visits) * HOUR + later)


def learned(name: str, dataset: Dataset) -> Recommender[Any]:
    """Return a model that has learned; an example of which it can learn nothing is passed over."""
    kind = algorithms.get(name)
    assert kind is not None
    assert issubclass(kind, Recommender)
    config = kind.config_class.read({**CONFIGS.get(name, {})})
    try:
        return kind(config).fit(dataset, Options(seed=1))
    except UnfitData:
        assume(False)
        raise


def told(model: Recommender[Any], history: History) -> dict[str, float]:
    return dict(zip(model.items, model.score(history).tolist(), strict=True))


def renumbered(column: Indices) -> Indices:
    """Return the same people or visits by other numbers, with gaps between them."""
    other: Indices = ((column.max() - column) * 3 + 5).astype(np.int32)
    return other


def with_rows(dataset: Dataset, change: Callable[[Interactions], Interactions]) -> Dataset:
    return replace(dataset, interactions=change(dataset.interactions))


def close(one: Mapping[str, float], other: Mapping[str, float]) -> None:
    assert one.keys() == other.keys()
    found: tuple[Floats, Floats] = (
        np.array([*one.values()], np.float32),
        np.array([other[key] for key in one], np.float32),
    )
    np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-4)


@every_one
@given(several_visits)
@examples(12)
def test_it_knows_what_was_done_and_nothing_else(name: str, visits: Visits) -> None:
    model = learned(name, dataset_of(visits))
    there = {item for _, items in visits for item in items}
    assert set(model.items) <= there
    assert len(set(model.items)) == len(model.items)
    for item in ("a", "nowhere"):
        assert np.isfinite(model.score(history_of(item))).all()


@every_one
@given(several_visits)
@examples(12)
def test_what_was_learned_does_not_depend_on_how_often_one_asks(name: str, visits: Visits) -> None:
    model = learned(name, dataset_of(visits))
    first = told(model, history_of("a", "b"))
    told(model, history_of("c"))
    assert told(model, history_of("a", "b")) == first


# User-kNN numbers visitors in the order they came last, which numbers of theirs decide where two
# came at once; visits here are an hour apart. iALS and SVD begin with numbers drawn for rows.
@pytest.mark.parametrize("name", sorted({*NAMES} - {"ials", "svd"}))
@given(several_visits)
@examples(12)
def test_other_numbers_of_the_same_visitors_change_nothing(name: str, visits: Visits) -> None:
    dataset = dataset_of(visits)
    other = with_rows(dataset, lambda rows: replace(rows, visitor=renumbered(rows.visitor)))
    history = history_of("a", "b")
    close(told(learned(name, dataset), history), told(learned(name, other), history))


@pytest.mark.parametrize("name", ["markov", "vstan"])
@given(several_visits)
@examples(20)
def test_who_learns_of_visits_knows_no_visitors_at_all(name: str, visits: Visits) -> None:
    alone = [(0, items) for _, items in visits]
    assert packed(learned(name, dataset_of(visits))) == packed(learned(name, dataset_of(alone)))


@pytest.mark.parametrize("name", ["item_knn", "user_knn", "ease", "rp3beta", "svd"])
@given(several_visits)
@examples(12)
def test_doing_the_same_twice_is_doing_it(name: str, visits: Visits) -> None:
    twice = [(visitor, [*items, *items]) for visitor, items in visits]
    history = history_of("a")
    close(
        told(learned(name, dataset_of(visits)), history),
        told(learned(name, dataset_of(twice)), history),
    )


@every_one
@given(several_visits, st.integers(1, 1000))
@examples(12)
def test_a_year_later_the_same_is_learned_of_the_same(name: str, visits: Visits, days: int) -> None:
    later = days * 24 * HOUR
    history = history_of("a", "b")
    close(
        told(learned(name, dataset_of(visits)), history),
        told(learned(name, dataset_of(visits, later=later)), replace(history, now=later)),
    )


@pytest.mark.parametrize("name", ["item_knn", "user_knn", "ease", "rp3beta", "svd", "popularity"])
@given(several_visits, st.permutations(ITEMS[:4]))
@examples(12)
def test_who_learns_of_visitors_does_not_care_in_which_order_they_did_it(
    name: str, visits: Visits, order: list[str]
) -> None:
    model = learned(name, dataset_of(visits))
    close(told(model, history_of(*order)), told(model, history_of(*sorted(order))))


@every_one
@given(several_visits)
@examples(12)
def test_what_it_does_not_know_changes_nothing_of_what_it_does(name: str, visits: Visits) -> None:
    model = learned(name, dataset_of(visits))
    known = [Step(item=item, at=place) for place, item in enumerate("ab")]
    unknown = Step(item="nowhere", at=0)
    one = History(steps=tuple(known))
    other = History(steps=(unknown, *known))
    close(told(model, one), told(model, other))
