"""Silhouettes, Davies-Bouldin and the elbow, beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import davies_bouldin_score, silhouette_samples

from personalization.ml.clusters.centres import largest_first
from personalization.ml.clusters.measures import davies_bouldin, elbow, scatter, silhouettes
from tests.effort import examples


def grouped(seed: int, k: int):
    rng = np.random.default_rng(seed)
    numbers = np.concatenate([np.arange(k), rng.integers(k, size=30)])
    return rng.normal(size=(len(numbers), 3)) + numbers[:, None], largest_first(numbers)


@given(seed=st.integers(0, 10_000), k=st.integers(2, 6))
@examples(30)
def test_figures_are_those_of_scikit_learn(seed, k):
    rows, numbers = grouped(seed, k)
    np.testing.assert_allclose(
        silhouettes(rows, numbers), silhouette_samples(rows, numbers), atol=1e-6
    )
    assert davies_bouldin(rows, numbers) == pytest.approx(davies_bouldin_score(rows, numbers))


def test_a_number_that_no_row_has_changes_no_silhouette():
    rows, numbers = grouped(1, 3)
    shifted = np.where(numbers == 2, 5, numbers).astype(np.int32)
    np.testing.assert_allclose(silhouettes(rows, shifted), silhouettes(rows, numbers), atol=1e-9)


def test_where_all_are_in_one_or_in_one_place_nothing_lies_apart():
    rows, _ = grouped(1, 3)
    assert (silhouettes(rows, np.zeros(len(rows), np.int32)) == 0).all()
    assert (silhouettes(np.ones((4, 2)), np.array([0, 0, 1, 1])) == 0).all()


def test_scatter_is_what_is_left_around_the_means():
    rows = np.array([[0.0], [2.0], [10.0], [14.0]])
    assert scatter(rows, np.array([0, 0, 1, 1])) == 2 + 8


@pytest.mark.parametrize(
    ("scatters", "k"),
    [([100, 50, 10, 9, 8], 4), ([100, 20, 15, 10, 5], 3), ([9, 9, 9, 9, 9], 2)],
)
def test_the_elbow_is_where_further_groups_help_least(scatters, k):
    assert elbow([2, 3, 4, 5, 6], scatters) == k


def test_one_point_is_its_own_elbow():
    assert elbow([3], [1.0]) == 3
