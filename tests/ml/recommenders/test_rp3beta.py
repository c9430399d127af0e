"""Walks go where the paper says, as written in a table small enough to check."""

from __future__ import annotations

import numpy as np

from personalization.ml.base import Options
from personalization.ml.history import history_of
from personalization.ml.recommenders.matrix import binary_matrix
from personalization.ml.recommenders.rp3beta import Rp3Beta, Rp3BetaConfig
from tests.ml.contract import RecommenderContract, small_dataset


class TestRp3Beta(RecommenderContract):
    def made(self) -> Rp3Beta:
        return Rp3Beta()


class TestOfFewNeighbours(RecommenderContract):
    def made(self) -> Rp3Beta:
        return Rp3Beta(Rp3BetaConfig(neighbours=3))


def test_the_steps_are_those_of_the_paper() -> None:
    dataset = small_dataset()
    config = Rp3BetaConfig(alpha=0.7, beta=0.4)
    model = Rp3Beta(config).fit(dataset, Options())
    matrix = binary_matrix(dataset.interactions)
    dense = np.zeros((matrix.n_rows, len(matrix.items)))
    dense[matrix.rows, matrix.columns] = 1
    to_item = (dense / dense.sum(axis=1, keepdims=True)) ** 0.7
    to_visitor = (dense / dense.sum(axis=0)).T ** 0.7
    walks = to_visitor @ to_item / dense.sum(axis=0) ** 0.4
    np.fill_diagonal(walks, 0)
    for number, item in enumerate(model.items):
        found = model.score(history_of(item))
        np.testing.assert_allclose(found, walks[number], rtol=2e-3, atol=1e-5)


def test_what_is_popular_gives_way_to_what_is_not() -> None:
    ranks = []
    for beta in (0.0, 1.0):
        model = Rp3Beta(Rp3BetaConfig(beta=beta)).fit(small_dataset(), Options())
        scores = dict(zip(model.items, model.score(history_of("a1")), strict=True))
        ranks.append(sum(score > scores["common"] for score in scores.values()))
    assert ranks[0] == 0
    assert ranks[1] > 0


def test_only_the_nearest_are_kept() -> None:
    model = Rp3Beta(Rp3BetaConfig(neighbours=3)).fit(small_dataset(), Options())
    assert all(np.count_nonzero(model.score(history_of(item))) <= 3 for item in model.items)
