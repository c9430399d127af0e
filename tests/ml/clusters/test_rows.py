"""Rows that groups can be looked for in."""

from __future__ import annotations

import numpy as np
import pytest

from personalization.ml.clusters.rows import names_of, shaped, some_of, usable
from personalization.ml.unfit import UnfitData


def test_whole_numbers_become_doubles_in_their_order():
    found = usable(np.array([[1, 2], [3, 4]]), features=("a", "b"), least=2)
    assert found.dtype == np.float64
    assert found.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_told_by_its_feature_or_its_place(value):
    rows = np.array([[1.0, 2.0], [3.0, value], [5.0, value]])
    with pytest.raises(UnfitData, match="“b” is no number in 2 of 3 rows"):
        usable(rows, features=("a", "b"), least=1)
    with pytest.raises(UnfitData, match="“column 2” is no number"):
        usable(rows, features=(), least=1)


def test_only_rows_that_differ_count():
    rows = np.array([[1.0], [1.0], [2.0]])
    assert len(usable(rows, features=("a",), least=2)) == 3
    with pytest.raises(UnfitData, match="3 rows that differ are needed; there are 2"):
        usable(rows, features=("a",), least=3)


@pytest.mark.parametrize("rows", [np.zeros(3), np.zeros((3, 0)), np.zeros((1, 2, 3))])
def test_what_is_no_table_is_refused(rows):
    with pytest.raises(UnfitData, match="two dimensions"):
        shaped(rows, features=())


def test_some_are_drawn_once_each_and_in_their_order():
    rows = np.arange(50.0)[:, None]
    drawn = some_of(rows, n=20, rng=np.random.default_rng(1))[:, 0]
    assert len(set(drawn)) == 20
    assert (np.diff(drawn) > 0).all()
    assert some_of(rows, n=50, rng=np.random.default_rng(1)) is rows


def test_names_that_are_no_list_are_no_names():
    assert names_of({"features": ["a", "b"]}) == ("a", "b")
    with pytest.raises(TypeError, match="features are a list, not 'ab'"):
        names_of({"features": "ab"})
