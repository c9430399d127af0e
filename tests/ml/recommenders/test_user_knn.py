"""Visitors alike share what they have, and nothing says who they are."""

from __future__ import annotations

import numpy as np
import pytest

from personalization.ml.artefact import packed
from personalization.ml.base import Options
from personalization.ml.history import history_of
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.recommenders.user_knn import UserKnn, UserKnnConfig
from tests.ml.contract import RecommenderContract, small_dataset


class TestCosine(RecommenderContract):
    def made(self) -> UserKnn:
        return UserKnn()


class TestPearson(RecommenderContract):
    def made(self) -> UserKnn:
        return UserKnn(UserKnnConfig(similarity="pearson"))


class TestOfFewVisitors(RecommenderContract):
    def made(self) -> UserKnn:
        return UserKnn(UserKnnConfig(max_visitors=20, sample=5, neighbours=4))


def had(*visitors: str) -> Dataset:
    """Return visitors, each after the other, of items of one letter."""
    rows = [
        (visitor, visitor, item, "k", 0.0, visitor)
        for visitor, items in enumerate(visitors)
        for item in items
    ]
    return Dataset(interactions=interactions_of(rows), until=len(visitors))


def scores(model: UserKnn, *items: str) -> dict[str, float]:
    return dict(zip(model.items, model.score(history_of(*items)).tolist(), strict=True))


def test_each_visitor_adds_how_similar_they_are() -> None:
    model = UserKnn().fit(had("abc", "ad", "xyz"), Options())
    found = scores(model, "a", "b")
    assert found["c"] == pytest.approx(2 / np.sqrt(2 * 3))
    assert found["d"] == pytest.approx(1 / np.sqrt(2 * 2))
    assert found["a"] == pytest.approx(found["c"] + found["d"])
    assert found["x"] == 0


def test_pearson_leaves_out_what_chance_explains() -> None:
    """Of 4 items one has 3, the other 3: 2 in common are less than they would have by chance."""
    model = UserKnn(UserKnnConfig(similarity="pearson")).fit(had("abc", "d"), Options())
    assert scores(model, "b", "c", "d")["a"] == 0
    cosine = UserKnn().fit(had("abc", "d"), Options())
    assert scores(cosine, "b", "c", "d")["a"] > 0


def test_pearson_is_the_correlation_of_rows() -> None:
    model = UserKnn(UserKnnConfig(similarity="pearson")).fit(had("abc", "de"), Options())
    wanted = np.corrcoef([1, 1, 1, 0, 0], [1, 1, 0, 0, 0])[0, 1]
    assert scores(model, "a", "b")["c"] == pytest.approx(wanted)


def test_only_the_nearest_are_asked() -> None:
    model = UserKnn(UserKnnConfig(neighbours=1)).fit(had("abc", "adefg"), Options())
    assert scores(model, "a", "b")["c"] > 0
    assert scores(model, "a", "b")["d"] == 0


def test_one_item_in_common_says_little_where_that_is_shrunk() -> None:
    def compared(shrinkage: float) -> float:
        model = UserKnn(UserKnnConfig(shrinkage=shrinkage)).fit(had("abcdx", "ay"), Options())
        found = scores(model, "a", "b", "c", "d")
        return found["y"] / found["x"]

    assert compared(5) < compared(0)


def test_those_that_came_last_are_remembered() -> None:
    model = UserKnn(UserKnnConfig(max_visitors=2)).fit(had("ab", "ac", "ad"), Options())
    assert set(model.items) == {"a", "c", "d"}


def test_coming_back_is_coming_last() -> None:
    rows = [(0, 0, "a", "k", 0.0, 1), (1, 1, "b", "k", 0.0, 2), (0, 2, "c", "k", 0.0, 3)]
    dataset = Dataset(interactions=interactions_of([*rows, (2, 3, "d", "k", 0.0, 4)]), until=9)
    model = UserKnn(UserKnnConfig(max_visitors=2)).fit(dataset, Options())
    assert set(model.items) == {"a", "c", "d"}


def test_of_an_item_with_many_visitors_the_latest_are_looked_at() -> None:
    model = UserKnn(UserKnnConfig(sample=1)).fit(had("ab", "ac"), Options())
    assert scores(model, "a")["c"] > 0
    assert scores(model, "a")["b"] == 0


def test_the_number_of_a_visitor_is_nowhere() -> None:
    """Whoever is numbered otherwise, in the same order of time, gives the same bytes."""
    rows = [(visitor, n, f"i{n % 6}", "k", 0.0, n) for n, visitor in enumerate([3, 1, 3, 2] * 5)]
    other = [({1: 900, 2: 7, 3: 41}[row[0]], *row[1:]) for row in rows]
    one, two = (
        packed(UserKnn().fit(Dataset(interactions=interactions_of(each), until=99), Options()))
        for each in (rows, other)
    )
    assert one == two


def test_the_same_kind_is_recommended() -> None:
    model = UserKnn().fit(small_dataset(), Options())
    found = scores(model, "a1", "a2")
    assert min(found[f"a{n}"] for n in range(3, 8)) > max(found[f"b{n}"] for n in range(8))
