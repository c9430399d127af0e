"""The best of many scores, in an order that nothing but scores and places decides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.ranking import top
from tests.effort import examples

#: Few values, so that many are equal; and minus infinity for what must not be shown.
few_values = st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 1.0, 2.0]), max_size=40)


def by_sorting(scores: list[float], n: int) -> list[int]:
    """Return the same in the plainest way: sort all of it."""
    order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))
    return [index for index in order[: max(n, 0)] if scores[index] != -np.inf]


@given(few_values, st.integers(-2, 50))
@examples(200)
def test_it_is_what_sorting_all_of_them_gives(scores: list[float], n: int) -> None:
    assert top(np.array(scores, np.float32), n).tolist() == by_sorting(scores, n)


@given(few_values, st.integers(0, 50))
@examples(50)
def test_a_shorter_list_is_the_beginning_of_a_longer_one(scores: list[float], n: int) -> None:
    array = np.array(scores, np.float32)
    assert top(array, n).tolist() == top(array, n + 5).tolist()[:n]


def test_equal_scores_come_by_their_place() -> None:
    assert top(np.ones(1000, np.float32), 3).tolist() == [0, 1, 2]


def test_what_is_left_out_makes_a_list_shorter_rather_than_being_in_it() -> None:
    scores = np.array([-np.inf, 1, -np.inf], np.float32)
    assert top(scores, 3).tolist() == [1]
    assert top(np.full(4, -np.inf, np.float32), 2).tolist() == []


@pytest.mark.parametrize("n", [1, 2, 3, 9])
@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_what_is_no_number_is_in_no_list(odd: float, n: int) -> None:
    scores = np.array([odd, 1, odd, 2], np.float32)
    assert set(top(scores, n).tolist()) <= {1, 3}
    assert top(scores, len(scores)).tolist() == [3, 1]


@pytest.mark.parametrize("n", [0, -1])
def test_of_no_places_there_is_nothing(n: int) -> None:
    assert top(np.ones(3, np.float32), n).tolist() == []


def test_scores_stay_as_they_are() -> None:
    scores = np.array([3, 1, 2], np.float32)
    top(scores, 2)
    assert scores.tolist() == [3, 1, 2]
