"""Of two items that are as likely, the one is better whose visitors do more with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from personalization.ml.recommenders.matrix import Matrix
from personalization.ml.recommenders.worth import worth


def matrix_of(*items: Sequence[float]) -> Matrix:
    """Return the matrix of visitors who each did something with one item alone."""
    columns = np.repeat(np.arange(len(items)), [len(values) for values in items])
    return Matrix(
        starts=np.arange(len(columns) + 1),
        columns=columns.astype(np.int32),
        values=np.concatenate([np.array(values, np.float32) for values in items]),
        items=tuple(f"item {number}" for number in range(len(items))),
    )


def drawn(*, means: NDArray[np.float64], n: int, spread: float) -> Matrix:
    """Return a matrix of items of these true means, of `n` visitors each."""
    rng = np.random.default_rng(1)
    return matrix_of(*(mean + spread * rng.standard_normal(n) for mean in means))


def test_who_only_came_says_nothing_of_what_it_is_worth() -> None:
    assert worth(matrix_of([1, 1, 1], [1], [1, 1])).tolist() == [1, 1, 1]


def test_one_visitor_for_each_item_says_nothing_either() -> None:
    assert worth(matrix_of([1], [9])).tolist() == [1, 1]


def test_a_single_item_is_worth_what_it_is() -> None:
    assert worth(matrix_of([1, 5, 9])).tolist() == [1]


def test_items_that_differ_by_no_more_than_chance_are_worth_the_same() -> None:
    assert worth(matrix_of([1, 5], [5, 1], [1, 5])).tolist() == [1, 1, 1]


def test_what_differs_surely_is_worth_its_mean() -> None:
    found = worth(matrix_of([2.0] * 50, [4.0] * 50))
    assert found.tolist() == pytest.approx([2 / 3, 4 / 3])


def test_figures_of_a_table_that_is_worked_out_by_hand() -> None:
    """Means 2 and 5 of 2 and 4 visitors: μ = 4, within (2 + 4) / 4 = 1.5, apart
    2·4 + 4·1 − 1.5 = 10.5, between 10.5 / (6 − 20/6) = 3.9375 and so k = 8/21."""
    found = worth(matrix_of([1, 3], [4, 6, 4, 6]))
    k = 8 / 21
    assert found.tolist() == pytest.approx([(4 + 4 * k) / (2 + k) / 4, (20 + 4 * k) / (4 + k) / 4])


def test_the_fewer_came_the_less_their_mean_is_believed() -> None:
    many, few = [2.0, 4.0] * 50, [2.0, 4.0]
    low = [0.5, 1.5] * 50
    found = worth(matrix_of(many, few, low, low))
    assert 1 < found[1] < found[0]


def test_it_is_nearer_to_the_truth_than_means_and_than_nothing() -> None:
    means = np.random.default_rng(2).normal(5, 0.5, 400)
    matrix = drawn(means=means, n=8, spread=2.0)
    truth = means / means.mean()
    own = matrix.values.reshape(400, 8).mean(axis=1) / matrix.values.mean()
    error = np.square(worth(matrix) - truth).mean()
    assert error < 0.8 * np.square(own - truth).mean()
    assert error < 0.8 * np.square(1 - truth).mean()


@pytest.mark.parametrize("factor", [0.01, 100])
def test_a_unit_makes_no_difference(factor: float) -> None:
    plain = matrix_of([1, 3, 2], [4, 6, 4, 6])
    scaled = replace(plain, values=plain.values * np.float32(factor))
    assert worth(scaled).tolist() == pytest.approx(worth(plain).tolist(), rel=1e-5)
