"""Directions are those of the exact decomposition, and one seed gives one answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.base import Options
from personalization.ml.history import history_of
from personalization.ml.interactions import Dataset, interactions_of
from personalization.ml.recommenders.matrix import binary_matrix
from personalization.ml.recommenders.svd import Svd, SvdConfig, right_singular_vectors
from personalization.ml.unfit import UnfitData
from tests.effort import examples
from tests.ml.contract import RecommenderContract, small_dataset


class TestSvd(RecommenderContract):
    def made(self) -> Svd:
        return Svd(SvdConfig(factors=4))


class TestSvdOfMoreFactorsThanItems(RecommenderContract):
    def made(self) -> Svd:
        return Svd(SvdConfig(factors=100))


def test_scores_are_the_projection_of_the_history() -> None:
    dataset = small_dataset()
    model = Svd(SvdConfig(factors=3, power_iterations=10)).fit(dataset, Options())
    matrix = binary_matrix(dataset.interactions)
    dense = np.zeros((matrix.n_rows, len(matrix.items)))
    dense[matrix.rows, matrix.columns] = 1
    _, _, turned = np.linalg.svd(dense)
    history = np.array([item in ("a1", "b2") for item in matrix.items], float)
    wanted = history @ turned[:3].T @ turned[:3]
    np.testing.assert_allclose(model.score(history_of("a1", "b2")), wanted, atol=1e-2)


@examples(30)
@given(st.integers(2, 30), st.integers(2, 30), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_vectors_are_of_length_1_and_at_right_angles(
    n_rows: int, n_columns: int, n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n_rows, n_columns))
    vectors = right_singular_vectors(matrix, n=n, power_iterations=3, rng=rng)
    wanted = min(n, n_rows, n_columns)
    assert vectors.shape == (n_columns, wanted)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(wanted), atol=1e-8)
    assert (vectors.max(axis=0) >= -vectors.min(axis=0) - 1e-12).all()


def test_few_directions_of_a_matrix_of_few_are_exact() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(80, 3)) @ rng.normal(size=(3, 50))
    found = right_singular_vectors(matrix, n=3, power_iterations=2, rng=rng)
    np.testing.assert_allclose(matrix @ found @ found.T, matrix, atol=1e-8)


def test_the_same_kind_is_recommended() -> None:
    model = Svd(SvdConfig(factors=2)).fit(small_dataset(), Options())
    scores = dict(zip(model.items, model.score(history_of("b1", "b2")), strict=True))
    assert min(scores[f"b{n}"] for n in range(3, 8)) > max(scores[f"a{n}"] for n in range(8))


@pytest.mark.parametrize(
    ("rows", "said"),
    [([(0, "x"), (0, "y")], "has 1 and 2"), ([(0, "x"), (1, "x")], "has 2 and 1")],
)
def test_one_row_or_one_column_has_no_directions(rows: list[tuple[int, str]], said: str) -> None:
    events = [(visitor, visitor, item, "k", 0.0, 1) for visitor, item in rows]
    with pytest.raises(UnfitData, match=said):
        Svd().fit(Dataset(interactions=interactions_of(events), until=2), Options())
