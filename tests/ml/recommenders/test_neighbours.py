"""Few neighbours are the strongest ones, and all are all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as any_arrays

from personalization.ml.arrays import Floats
from personalization.ml.recommenders.neighbours import (
    Everyone,
    Neighbours,
    closeness,
    products,
    restored,
    strongest,
)
from tests.effort import examples

#: Small whole numbers, so that many are equal, and exact in half precision.
blocks = any_arrays(np.float32, (6, 6), elements=st.integers(-4, 4).map(float))


@examples(60)
@given(blocks, st.integers(1, 6))
def test_the_strongest_are_farthest_from_0_and_the_first_of_equals(block: Floats, n: int) -> None:
    columns, weights = strongest(block, n)
    for row in range(len(block)):
        order = np.argsort(-np.abs(block[row]), kind="stable")
        assert np.abs(weights[row]).tolist() == np.abs(block[row][order][:n]).tolist()
        assert weights[row].tolist() == block[row][columns[row]].tolist()
        assert len(set(columns[row].tolist())) == n


@examples(40)
@given(blocks, st.lists(st.integers(0, 5), unique=True))
def test_all_neighbours_say_the_same_in_either_form(block: Floats, rows: list[int]) -> None:
    chosen = np.array(rows, np.int32)
    columns, weights = strongest(block, 6)
    few: Neighbours | Everyone = Neighbours(neighbours=columns, weights=weights)
    everyone = closeness(iter([block[:4], block[4:]]), n_items=6, n=6)
    assert isinstance(everyone, Everyone)
    wanted = block[rows].sum(axis=0)
    shares = np.arange(6, dtype=np.float32)
    for each in (few, everyone, restored(few.arrays()), restored(everyone.arrays())):
        np.testing.assert_allclose(each.summed(chosen), wanted)
        np.testing.assert_allclose(each.averaged(shares), shares @ block)


def test_the_sum_is_that_of_the_weights_of_each_row_added_up_one_by_one() -> None:
    rng = np.random.default_rng(2)
    neighbours = np.stack([rng.permutation(40)[:9] for _ in range(40)]).astype(np.int32)
    weights = rng.normal(size=(40, 9)).astype(np.float32)
    close = Neighbours(neighbours=neighbours, weights=weights)
    for n in (0, 1, 7, 40):
        rows = rng.permutation(40)[:n].astype(np.int32)
        expected = np.zeros(40)
        for row in rows:
            for column, weight in zip(neighbours[row], weights[row], strict=True):
                expected[column] += weight
        summed = close.summed(rows)
        assert summed.dtype == np.float32
        np.testing.assert_allclose(summed, expected, atol=1e-5)
    np.testing.assert_array_equal(close.weights, weights)


def test_what_is_kept_small_is_half_as_large() -> None:
    block = np.random.default_rng(0).normal(size=(50, 50)).astype(np.float32)
    everyone = closeness(iter([block]), n_items=50, n=50)
    assert everyone.arrays()["weights"].nbytes == block.nbytes / 2
    np.testing.assert_allclose(
        everyone.summed(np.arange(50, dtype=np.int32)), block.sum(axis=0), atol=0.05
    )


def test_blocks_of_any_size_are_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.sparse import csr_array

    monkeypatch.setattr("personalization.ml.recommenders.neighbours.BLOCK", 3)
    dense = np.random.default_rng(1).integers(0, 2, (20, 8)).astype(np.float32)
    found = list(products(csr_array(dense.T), csr_array(dense)))
    wanted = dense.T @ dense
    np.fill_diagonal(wanted, 0)
    np.testing.assert_array_equal(np.concatenate([block for _, block in found]), wanted)
    assert np.concatenate([rows for rows, _ in found]).tolist() == list(range(8))
