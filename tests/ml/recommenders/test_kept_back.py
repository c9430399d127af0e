"""What is kept back is in neither half twice, and is found by whoever knows it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.arrays import Floats, Indices
from personalization.ml.interactions import interactions_of
from personalization.ml.recommenders.kept_back import Asked, KeptBack, kept_back
from personalization.ml.recommenders.matrix import Matrix, weighted_matrix
from tests.effort import examples


def some(*, visitors: int, items: int, each: int, seed: int = 0) -> Matrix:
    """Visitors with so many items each at random; each pair has a weight of its own."""
    rng = np.random.default_rng(seed)
    rows = [
        (visitor, visitor, f"i{item:03}", f"{visitor} {item}", 0.0, visitor)
        for visitor in range(visitors)
        for item in rng.choice(items, size=each, replace=False)
    ]
    weights = {kind: float(n + 1) for n, (_, _, _, kind, _, _) in enumerate(rows)}
    return weighted_matrix(interactions_of(rows), weights=weights, dwell={})


def values(matrix: Matrix) -> dict[float, str]:
    """Return the item of each value, of which there are no two alike."""
    return {
        float(value): matrix.items[column]
        for value, column in zip(matrix.values, matrix.columns, strict=True)
    }


def never(known: Indices, confidences: Floats) -> Floats:
    raise AssertionError("Nobody is to be asked about.")


@examples(60)
@given(st.integers(1, 30), st.integers(5, 40), st.integers(1, 5), st.integers(0, 1000))
def test_what_is_asked_is_not_learned(visitors: int, items: int, each: int, seed: int) -> None:
    matrix = some(visitors=visitors, items=items, each=each)
    part = kept_back(matrix, rng=np.random.default_rng(seed))
    all_of, learned = values(matrix), values(part.learned)
    assert learned.items() <= all_of.items()
    rows = np.split(matrix.columns, matrix.starts[1:-1])
    for one in part.asked:
        known = {part.learned.items[column] for column in one.known}
        wanted = {part.learned.items[column] for column in one.wanted}
        assert known
        assert wanted
        assert not known & wanted
        assert {learned[float(sure)] for sure in one.confidences} == known
        # Both are of one visitor.
        assert any(known | wanted <= {matrix.items[column] for column in row} for row in rows)


def test_a_fifth_is_kept_back() -> None:
    matrix = some(visitors=400, items=40, each=20)
    part = kept_back(matrix, rng=np.random.default_rng(1))
    assert 1 - len(part.learned.columns) / len(matrix.columns) == pytest.approx(0.2, abs=0.02)
    assert len(part.asked) > 390


def test_five_hundred_visitors_are_enough() -> None:
    part = kept_back(some(visitors=700, items=40, each=20), rng=np.random.default_rng(1))
    assert len(part.asked) == 500


def test_who_knows_finds_all_and_who_does_not_nothing() -> None:
    part = kept_back(some(visitors=50, items=40, each=10), rng=np.random.default_rng(1))
    told = iter(part.asked)

    def knows(known: Indices, confidences: Floats) -> Floats:
        scores = np.zeros(len(part.learned.items), np.float32)
        scores[next(told).wanted] = 1
        return scores

    assert part.found(knows) == pytest.approx(1)
    told = iter(part.asked)
    assert part.found(lambda known, sure: -knows(known, sure)) == pytest.approx(0)


def test_what_is_known_is_not_found_again() -> None:
    """Scored highest, it would be all of a list of ten."""
    matrix = some(visitors=1, items=30, each=30)
    one = Asked(
        known=np.arange(20, dtype=np.int32),
        confidences=np.ones(20, np.float32),
        wanted=np.array([20], np.int32),
    )
    part = KeptBack(learned=matrix, asked=(one,))
    assert part.found(lambda known, sure: -np.arange(30, dtype=np.float32)) == pytest.approx(1)


def test_where_nobody_can_be_asked_nothing_is_found() -> None:
    """Each item is one visitor's alone."""
    rows = [(n, n, f"i{n}", "k", 0.0, n) for n in range(30)]
    matrix = weighted_matrix(interactions_of(rows), weights={}, dwell={})
    part = kept_back(matrix, rng=np.random.default_rng(1))
    assert part.asked == ()
    assert part.found(never) == 0
