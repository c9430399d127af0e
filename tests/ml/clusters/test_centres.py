"""Centres: the nearest of them, means, and numbers by size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from personalization.ml.base import Options
from personalization.ml.clusters import centres as module
from personalization.ml.clusters.centres import largest_first, means, nearest
from personalization.ml.clusters.hierarchical import Hierarchical, HierarchicalConfig, top_of
from personalization.ml.clusters.kmeans import MiniBatchConfig, MiniBatchKMeans
from personalization.ml.clusters.stability import adjusted_rand
from personalization.ml.unfit import UnfitData
from tests.effort import examples
from tests.ml.clusters.contract import FEATURES, blobs

#: Whole numbers, so that distances are exact and ties are ties.
GRID = st.integers(-4, 4).map(float)
NUMBERS = st.lists(st.integers(-1, 5), min_size=1, max_size=40)


def tables(least: int = 1, most: int = 12) -> st.SearchStrategy[Any]:
    return arrays(np.float64, st.tuples(st.integers(least, most), st.just(2)), elements=GRID)


# -- the nearest ------------------------------------------------------------------------------


@given(tables(), tables(most=5))
@examples(60)
def test_the_nearest_is_that_of_all_pairs_and_of_equals_the_first(rows: Any, points: Any) -> None:
    squares = ((rows[:, None] - points) ** 2).sum(axis=2)
    found, distances = nearest(rows, points)
    np.testing.assert_allclose(distances, squares.min(axis=1), atol=1e-9)
    chosen = squares[np.arange(len(rows)), found]
    np.testing.assert_allclose(chosen, squares.min(axis=1), atol=1e-9)


def test_of_equally_near_centres_it_is_the_first() -> None:
    found, distances = nearest(np.zeros((1, 1)), np.array([[1.0], [-1.0]]))
    assert (found.tolist(), distances.tolist()) == ([0], [1.0])


@pytest.mark.parametrize("at_once", [1, 3, 7])
def test_it_is_the_same_however_many_are_looked_at_at_once(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    rows, _ = blobs()
    points = rows[:5]
    together = nearest(rows, points)
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    few = nearest(rows, points)
    np.testing.assert_array_equal(few[0], together[0])
    np.testing.assert_allclose(few[1], together[1], atol=1e-9)


def test_far_from_zero_small_differences_are_still_told() -> None:
    rows = np.array([[1e9, 0.0], [1e9 + 1, 0.0], [1e9 + 2, 0.0]])
    found, distances = nearest(rows, rows[[0, 2]])
    assert found.tolist() in ([0, 0, 1], [0, 1, 1])
    np.testing.assert_allclose(distances, [0, 1, 0], atol=1e-6)


def test_of_no_rows_nothing_is_near() -> None:
    found, distances = nearest(np.empty((0, 2)), np.zeros((3, 2)))
    assert (found.shape, distances.shape) == ((0,), (0,))


# -- means ------------------------------------------------------------------------------------


@given(tables(), st.data())
@examples(40)
def test_means_are_those_of_the_rows_inside(rows: Any, data: Any) -> None:
    numbers = np.array(
        data.draw(st.lists(st.integers(-1, 3), min_size=len(rows), max_size=len(rows)))
    )
    found, sizes = means(rows, numbers, k=4)
    assert sizes.sum() == (numbers >= 0).sum()
    for number in range(4):
        inside = rows[numbers == number]
        assert sizes[number] == len(inside)
        expected = inside.mean(axis=0) if len(inside) else np.zeros(2)
        np.testing.assert_allclose(found[number], expected, atol=1e-12)


@given(NUMBERS)
@examples(60)
def test_numbers_by_size_are_the_same_groups(numbers: Any) -> None:
    given_ones = np.array(numbers)
    found = largest_first(given_ones)
    assert adjusted_rand(given_ones, found) == 1
    assert ((found == -1) == (given_ones == -1)).all()
    sizes = np.bincount(found[found >= 0], minlength=1)
    assert (np.diff(sizes) <= 0).all()
    assert largest_first(found).tolist() == found.tolist()


@given(NUMBERS, st.permutations(range(6)))
@examples(40)
def test_numbers_by_size_do_not_depend_on_the_numbers_before(numbers: Any, order: Any) -> None:
    given_ones = np.array(numbers)
    renamed = np.where(given_ones < 0, -1, np.array(order)[given_ones])
    assert largest_first(renamed).tolist() == largest_first(given_ones).tolist()


def test_of_one_size_the_one_that_comes_first_is_first() -> None:
    assert largest_first(np.array([5, 2, 2, 5, 7])).tolist() == [0, 1, 1, 0, 2]


# -- learning on ------------------------------------------------------------------------------


@pytest.fixture
def learned() -> MiniBatchKMeans:
    model = MiniBatchKMeans(MiniBatchConfig(k=3))
    model.features = FEATURES
    return model.fit(blobs()[0], Options())


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (np.nan, "“orders” is no number in 1 of 4"),
        (np.inf, "“orders” is no number in 1 of 4"),
        (1e300, r"“orders” is beyond 1e\+100 in 1 of 4"),
    ],
)
def test_a_row_with_a_hole_is_not_learned_from_and_spoils_no_centre(
    learned: MiniBatchKMeans, value: float, says: str
) -> None:
    before = learned.centres.copy()
    rows = np.zeros((4, 3))
    rows[2, 1] = value
    with pytest.raises(UnfitData, match=says):
        learned.updated(rows)
    np.testing.assert_array_equal(learned.centres, before)


def test_of_no_rows_nothing_is_learned(learned: MiniBatchKMeans) -> None:
    same = learned.updated(np.empty((0, 3)))
    np.testing.assert_array_equal(same.centres, learned.centres)
    np.testing.assert_array_equal(same.sizes, learned.sizes)
    assert same.features == FEATURES


def test_a_centre_that_nothing_is_near_stays_where_it_is(learned: MiniBatchKMeans) -> None:
    first = learned.centres[0]
    after = learned.updated(np.repeat(first[None] + 0.1, 50, axis=0))
    np.testing.assert_array_equal(after.centres[1:], learned.centres[1:])
    assert (after.centres[0] > first).all()
    assert (after.centres[0] < first + 0.1).all()


def test_the_shorter_the_memory_the_further_a_centre_goes(learned: MiniBatchKMeans) -> None:
    rows = np.repeat(learned.centres[:1] + 0.5, 40, axis=0)
    went = [
        float((learned.updated(rows, memory=memory).centres[0] - learned.centres[0])[0])
        for memory in (np.inf, 60, 10)
    ]
    assert 0 < went[0] < went[1] < went[2] <= 0.5


# -- how groups grew together -----------------------------------------------------------------


@pytest.mark.parametrize("branches", [2, 5, 200])
def test_the_top_of_the_tree_holds_every_row_once(branches: int) -> None:
    rows, _ = blobs()
    model = Hierarchical(HierarchicalConfig(k=2, branches=branches)).fit(rows, Options())
    n = min(branches, len(rows))
    assert len(model.branches) == n
    assert model.branches.sum() == len(rows)
    assert model.merges.shape == (n - 1, 4)
    assert (np.diff(model.merges[:, 2]) >= 0).all()
    # Each branch and each step but the last becomes part of exactly one later step.
    parts = sorted(model.merges[:, :2].astype(int).ravel().tolist())
    assert parts == list(range(2 * n - 2))


def test_a_step_holds_the_rows_of_both_its_parts() -> None:
    model = Hierarchical(HierarchicalConfig(k=2, branches=9)).fit(blobs()[0], Options())
    sizes = model.branches.tolist()
    for one, other, _height, n in model.merges.tolist():
        assert n == sizes[int(one)] + sizes[int(other)]
        sizes.append(n)


def test_two_rows_are_two_branches_and_one_step() -> None:
    merges, branches = top_of(np.array([[0.0, 1.0, 2.5, 2.0]]), branches=40)
    assert merges.tolist() == [[0, 1, 2.5, 2]]
    assert branches.tolist() == [1, 1]
