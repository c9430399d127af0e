from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.evaluation.folds import TooShort, in_time, latest, stratified
from personalization.ml.unfit import UnfitData
from tests.effort import examples

instants = st.lists(st.integers(0, 60), min_size=2, max_size=80).map(
    lambda values: np.array(sorted(values), np.int64)
)


@examples(80)
@given(instants, st.integers(1, 5), st.integers(0, 20))
def test_nothing_is_judged_by_what_was_not_known_then(at: np.ndarray, n: int, gap: int) -> None:
    try:
        folds = in_time(at, n=n, gap=gap)
    except UnfitData:
        return
    for fold in folds:
        assert at[fold.train].max() <= at[fold.test].min() - max(gap, 1)
    judged = np.sum([fold.test for fold in folds], axis=0)
    assert judged.max() == 1
    assert judged[-1] == 1


def test_windows_expand_and_parts_are_of_about_as_many_rows() -> None:
    folds = in_time(np.arange(100), n=3)
    assert [int(fold.train.sum()) for fold in folds] == [40, 60, 80]
    assert [int(fold.test.sum()) for fold in folds] == [20, 20, 20]


def test_rows_of_one_instant_stay_together() -> None:
    months = np.repeat([1, 2, 3, 4], [10, 50, 25, 15])
    for fold in in_time(months, n=3, first=0.3):
        assert not set(months[fold.train]) & set(months[fold.test])


def test_a_gap_leaves_out_what_has_no_label_yet() -> None:
    (fold,) = in_time(np.arange(100), n=1, gap=10, first=0.5)
    assert fold.train.sum() == 41
    assert fold.test.sum() == 50


def test_the_latest_part_is_one_fold() -> None:
    fold = latest(np.arange(100), share=0.2)
    assert np.flatnonzero(fold.test).tolist() == list(range(80, 100))
    assert fold.train.sum() == 80


@pytest.mark.parametrize("at", [np.empty(0, np.int64), np.array([5]), np.array([5, 5, 5])])
def test_one_instant_cannot_be_validated_by_time(at: np.ndarray) -> None:
    with pytest.raises(UnfitData, match=f"{len(at)} rows"):
        in_time(at, n=3)


def test_a_gap_longer_than_the_data_is_named() -> None:
    day = 86_400_000_000
    with pytest.raises(TooShort, match=r"needs 30 days from the earliest of 10 rows .*, has 7\.0"):
        in_time(np.arange(10) * day, n=2, gap=30 * day)
    with pytest.raises(TooShort, match="has 0.0"):
        in_time(np.zeros(10, np.int64), n=2, gap=30 * day)


@examples(80)
@given(instants, st.integers(1, 5), st.integers(1, 40))
def test_what_is_said_to_be_missing_is_what_is_missing(at: np.ndarray, n: int, gap: int) -> None:
    day = 86_400_000_000
    try:
        in_time(at * day, n=n, gap=gap * day)
    except TooShort as error:
        said = re.fullmatch(r"needs (\d+) days from .*, has ([\d.]+)", str(error))
        assert said
        assert float(said[2]) < float(said[1]) == gap
    else:
        assert at[-1] - at[0] >= gap


def test_stratified_folds_judge_each_row_once_with_the_share_of_converters() -> None:
    labels = (np.arange(200) % 5 == 0).astype(float)
    folds = stratified(labels, n=10, rng=np.random.default_rng(0))
    assert (np.sum([fold.test for fold in folds], axis=0) == 1).all()
    for fold in folds:
        assert (fold.train ^ fold.test).all()
        assert labels[fold.test].sum() == 4


def test_stratified_folds_are_those_of_their_seed() -> None:
    labels = (np.arange(60) % 3 == 0).astype(float)

    def parts(seed: int) -> list[list[bool]]:
        folds = stratified(labels, n=4, rng=np.random.default_rng(seed))
        return [fold.test.tolist() for fold in folds]

    assert parts(1) == parts(1)
    assert parts(1) != parts(2)


def test_too_few_of_a_kind_for_folds_are_counted() -> None:
    with pytest.raises(UnfitData, match="10 folds need 10 rows of each label; 3 have 1"):
        stratified(np.repeat([0.0, 1.0], [50, 3]), n=10, rng=np.random.default_rng(0))
