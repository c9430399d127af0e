"""Trees of a few questions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from personalization.ml.clusters.shallow import (
    Leaf,
    Split,
    between,
    f1,
    learned,
    says,
    simplified,
)
from tests.effort import examples

YES, NO = Leaf(inside=True), Leaf(inside=False)


def questions(tree) -> int:
    return 0 if isinstance(tree, Leaf) else 1 + questions(tree.low) + questions(tree.high)


def test_the_unknown_go_where_they_went_when_it_was_learned():
    values = np.array([[1.0]] * 30 + [[5.0]] * 30 + [[np.nan]] * 30)
    members = np.array([True] * 30 + [False] * 30 + [True] * 30)
    tree = learned(values, members, depth=2, smallest=1, seed=0)
    assert says(tree, np.array([[0.0], [9.0], [np.nan]])).tolist() == [True, False, True]


def test_of_whom_nothing_was_unknown_the_unknown_are_out():
    values, members = np.array([[1.0], [5.0]]), np.array([False, True])
    tree = learned(values, members, depth=1, smallest=1, seed=0)
    assert says(tree, np.array([[9.0], [np.nan]])).tolist() == [True, False]


def test_ends_are_inside_as_makes_f1_highest_also_for_a_small_group():
    rng = np.random.default_rng(0)
    values = rng.integers(2, size=(4000, 1)).astype(float)
    members = rng.random(4000) < np.where(values[:, 0] == 1, 0.4, 0.01)
    tree = learned(values, members, depth=1, smallest=10, seed=0)
    # Nobody there is more probably in it than not; still, it is where they are.
    assert says(tree, np.array([[0.0], [1.0]])).tolist() == [False, True]


@pytest.mark.parametrize("inside", [True, False])
def test_where_all_are_alike_nothing_is_asked(inside):
    found = learned(np.eye(3), np.full(3, inside), depth=3, smallest=1, seed=0)
    assert found == Leaf(inside=inside)


def test_questions_that_gain_nothing_are_given_up():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(2000, 3))
    members = (rows[:, 0] > 0.3) & (rows[:, 1] > -2.2)
    grown = learned(rows, members, depth=5, smallest=5, seed=0)
    least = f1(says(grown, rows), members) - 0.02
    simple = simplified(grown, rows, members, least=least)
    assert questions(grown) > questions(simple) == 1
    assert simple.threshold == 0.3
    assert f1(says(simple, rows), members) >= least


def test_nothing_is_given_up_where_nothing_may_be():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(300, 2))
    members = (rows[:, 0] > 0.3137) & (rows[:, 1] < 0.2)
    grown = learned(rows, members, depth=2, smallest=1, seed=0)
    simple = simplified(grown, rows, members, least=1.0)
    assert says(simple, rows).tolist() == members.tolist()


@pytest.mark.parametrize(
    ("low", "high", "roundest"),
    [(2, 3, 2), (17, 18, 17), (17, 25, 20), (103.2, 104.9, 104), (0.0312, 0.0328, 0.032),
     (-3.4, -2.1, -3), (-1, 5, 0), (0, 0.001, 0), (99.99, 100.01, 100), (1e9, 1e9 + 1, 1e9)],
)  # fmt: skip
def test_between_two_numbers_the_roundest_is_taken(low, high, roundest):
    assert between(low, high) == roundest


NUMBERS = st.floats(-1e12, 1e12)


@given(NUMBERS, NUMBERS)
@examples(300)
def test_what_is_between_parts_the_two(one, other):
    low, high = sorted((one, other))
    if low < high:
        assert low <= between(low, high) < high


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
@examples(40)
def test_f1_is_that_of_scikit_learn(pairs):
    said, members = (np.array(column) for column in zip(*pairs, strict=True))
    assert f1(said, members) == pytest.approx(f1_score(members, said, zero_division=0))


def test_a_tree_is_asked_of_each_row():
    tree = Split(
        column=0, threshold=2.0, low=NO,
        high=Split(column=1, threshold=0.0, low=YES, high=NO, missing="low"),
    )  # fmt: skip
    rows = np.array([[2.0, 0.0], [2.1, 0.0], [2.1, 0.1], [2.1, np.nan], [np.nan, 0.0]])
    assert says(tree, rows).tolist() == [False, True, False, True, False]
