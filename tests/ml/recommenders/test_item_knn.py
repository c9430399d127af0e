"""Items are close by the visitors they share, as written in a table small enough to check."""

from __future__ import annotations

import numpy as np

from personalization.ml.base import Options
from personalization.ml.history import history_of
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.recommenders.item_knn import ItemKnn, ItemKnnConfig
from personalization.ml.recommenders.matrix import binary_matrix
from tests.ml.contract import RecommenderContract, small_dataset


class TestCosine(RecommenderContract):
    def made(self) -> ItemKnn:
        return ItemKnn()


class TestPearson(RecommenderContract):
    def made(self) -> ItemKnn:
        return ItemKnn(ItemKnnConfig(similarity="pearson"))


class TestOfFewNeighbours(RecommenderContract):
    def made(self) -> ItemKnn:
        return ItemKnn(ItemKnnConfig(neighbours=3))


def plain(similarity: str) -> ItemKnnConfig:
    return ItemKnnConfig(similarity=similarity, shrinkage=0, rare_first=False)


def table(dataset: Dataset) -> np.ndarray:
    """Return visitors × items, written out."""
    matrix = binary_matrix(dataset.interactions)
    dense = np.zeros((matrix.n_rows, len(matrix.items)))
    dense[matrix.rows, matrix.columns] = 1
    return dense


def test_cosine_is_that_of_the_columns() -> None:
    dataset = small_dataset()
    model = ItemKnn(plain("cosine")).fit(dataset, Options())
    dense = table(dataset)
    lengths = np.sqrt((dense**2).sum(axis=0))
    wanted = dense.T @ dense / np.outer(lengths, lengths)
    np.fill_diagonal(wanted, 0)
    for number, item in enumerate(model.items):
        np.testing.assert_allclose(model.score(history_of(item)), wanted[number], atol=1e-3)


def test_pearson_is_the_correlation_of_those_that_meet_and_agree() -> None:
    dataset = small_dataset()
    model = ItemKnn(plain("pearson")).fit(dataset, Options())
    dense = table(dataset)
    at = [number for number, item in enumerate(model.items) if item != "common"]
    wanted = np.corrcoef(dense[:, at].T)
    np.fill_diagonal(wanted, 0)
    wanted[(dense[:, at].T @ dense[:, at] == 0) | (wanted < 0)] = 0
    for row, number in enumerate(at):
        found = model.score(history_of(model.items[number]))[at]
        np.testing.assert_allclose(found, wanted[row], atol=1e-3)


def test_what_everybody_has_correlates_with_nothing() -> None:
    model = ItemKnn(plain("pearson")).fit(small_dataset(), Options())
    assert not model.score(history_of("common")).any()


def test_few_common_visitors_say_little_where_that_is_shrunk() -> None:
    rows = [(0, "x"), (0, "seldom")]
    rows += [(n, item) for n in range(1, 30) for item in ("x", "often") if n % 3 or item == "x"]
    events = [(visitor, visitor, item, "k", 0.0, 1) for visitor, item in rows]
    dataset = Dataset(interactions=interactions_of(events), until=2)
    found = {}
    for shrinkage in (0.0, 50.0):
        config = ItemKnnConfig(shrinkage=shrinkage, rare_first=False)
        model = ItemKnn(config).fit(dataset, Options())
        scores = dict(zip(model.items, model.score(history_of("x")), strict=True))
        found[shrinkage] = scores["often"] / scores["seldom"]
    assert found[50.0] > found[0.0]


def test_a_visitor_of_everything_says_less_than_one_of_two_things() -> None:
    rows = [(0, f"i{n}") for n in range(20)] + [(1, "i0"), (1, "pair")]
    rows += [(2, "i5"), (3, "pair")]
    events = [(visitor, visitor, item, "k", 0.0, 1) for visitor, item in rows]
    model = ItemKnn(ItemKnnConfig(shrinkage=0)).fit(
        Dataset(interactions=interactions_of(events), until=2), Options()
    )
    scores = dict(zip(model.items, model.score(history_of("i0")), strict=True))
    assert scores["pair"] > scores["i5"]


def test_how_often_says_nothing() -> None:
    """Raw weights of purchases would ruin it."""
    base = [(n % 7, n, f"i{n % 5}", "Product Viewed", 0.0, n) for n in range(40)]
    bought = [(0, 99, "i1", "Order Completed", 9.0, 50)] * 20
    once = Dataset(interactions=interactions_of(base), until=99)
    often = Dataset(interactions=interactions_of([*base, *bought]), until=99)
    assert (0, "i1") in {(row[0], row[2]) for row in base}
    both = [ItemKnn().fit(each, Options()).score(history_of("i1")) for each in (once, often)]
    np.testing.assert_array_equal(*both)


def test_only_the_nearest_are_kept() -> None:
    model = ItemKnn(ItemKnnConfig(neighbours=3)).fit(small_dataset(), Options())
    for item in model.items:
        assert np.count_nonzero(model.score(history_of(item))) <= 3
