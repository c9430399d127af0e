"""Agreement of groupings, and groups that come out again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from personalization.ml.base import Options
from personalization.ml.clusters.kmeans import KMeans, KMeansConfig
from personalization.ml.clusters.stability import Stability, adjusted_rand, overlaps, stability_of
from tests.effort import examples
from tests.ml.clusters.contract import blobs

PAIRS = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), max_size=60)


def makes(k: int):
    return lambda: KMeans(KMeansConfig(k=k, starts=3))


@given(PAIRS)
@examples(60)
def test_groupings_agree_as_far_as_scikit_learn_says(pairs):
    one, other = [a for a, _ in pairs], [b for _, b in pairs]
    assert adjusted_rand(one, other) == pytest.approx(adjusted_rand_score(one, other))


@given(PAIRS)
@examples(40)
def test_neither_the_order_nor_the_numbers_matter(pairs):
    one, other = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    assert adjusted_rand(one, other) == pytest.approx(adjusted_rand(other, 7 - 3 * one))
    assert adjusted_rand(one, one) == 1


def test_chance_agrees_in_about_nothing():
    rng = np.random.default_rng(0)
    assert abs(adjusted_rand(rng.integers(4, size=5000), rng.integers(4, size=5000))) < 0.01


def test_groupings_of_other_rows_are_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        adjusted_rand([1, 2], [1, 2, 3])


def test_who_is_in_both_is_counted():
    assert overlaps(np.array([7, 7, 2]), np.array([0, 1, 1])).tolist() == [[0, 1], [1, 1]]


def test_groups_that_are_there_come_out_again():
    rows, _ = blobs()
    found = stability_of(makes(3), rows, rounds=5, options=Options())
    assert found.least > 0.99


def test_groups_that_are_not_there_do_not_come_out_again():
    rows = np.random.default_rng(1).uniform(size=(400, 3))
    found = stability_of(makes(7), rows, rounds=5, options=Options())
    assert found.mean < 0.85


def test_it_is_the_same_for_the_same_seed():
    rows = np.random.default_rng(1).uniform(size=(200, 3))
    one, same, other = (
        stability_of(makes(5), rows, rounds=3, options=Options(seed=seed)) for seed in (1, 1, 2)
    )
    assert one == same != other


def test_the_mean_and_the_least_are_told():
    found = Stability(agreements=(0.5, 1.0, 0.75))
    assert (found.mean, found.least) == (0.75, 0.5)
