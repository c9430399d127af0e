"""Clusters keep their ids from one training to the next."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.base import Options
from personalization.ml.clusters.kmeans import KMeans, KMeansConfig
from personalization.ml.clusters.matching import SAME, first_ids, matched, stayed
from tests.effort import examples
from tests.ml.clusters.contract import blobs


def ids_of(before, numbers, k, next_id=10):
    return matched(np.array(before), np.array(numbers), k=k, next_id=next_id)


def test_at_first_ids_are_numbers():
    assert (first_ids(3).ids, first_ids(3).next_id) == ((0, 1, 2), 3)


def test_the_same_groups_under_other_numbers_have_the_same_ids():
    found = ids_of([7, 7, 2, 2, 5], [1, 1, 2, 2, 0], 3)
    assert (found.ids, found.next_id) == ((5, 7, 2), 10)


def test_each_id_is_given_once_and_so_that_most_rows_keep_theirs():
    # The first new cluster shares most with 3, but then 8 rows less would keep their id.
    before = [3] * 10 + [4] * 9 + [3] * 9
    numbers = [0] * 10 + [0] * 9 + [1] * 9
    found = ids_of(before, numbers, 2)
    assert found.ids == (4, 3)


def test_a_group_that_is_like_none_before_has_an_id_that_none_had():
    found = ids_of([0] * 20 + [1] * 20 + [-1] * 20, [0] * 20 + [1] * 20 + [2] * 20, 3, next_id=6)
    assert (found.ids, found.next_id) == ((0, 1, 6), 7)


def test_a_small_part_of_a_group_is_not_that_group():
    found = ids_of([0] * 100 + [-1] * 100, [1] * 20 + [-1] * 80 + [1] * 100, 2, next_id=4)
    assert found.ids == (4, 5)


def test_of_a_group_that_falls_apart_the_larger_part_keeps_the_id():
    assert ids_of([0] * 10, [1] * 6 + [0] * 4, 2).ids == (10, 0)


def test_of_two_groups_that_become_one_it_has_the_id_of_the_larger():
    assert ids_of([0] * 4 + [1] * 6, [0] * 10, 1).ids == (1,)


def test_where_nobody_was_in_a_group_all_are_new():
    assert ids_of([-1, -1], [0, 1], 2, next_id=0).ids == (0, 1)


GROUPS = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 3)), min_size=1, max_size=60)


@given(GROUPS)
@examples(80)
def test_ids_are_all_different_and_new_ones_were_never_given(rows):
    found = ids_of([a for a, _ in rows], [b for _, b in rows], 4, next_id=5)
    assert len(set(found.ids)) == 4
    assert {one for one in found.ids if one >= 5} == set(range(5, found.next_id))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=9, max_size=40))
@examples(80)
def test_no_other_way_to_hand_out_ids_lets_more_rows_keep_theirs(rows):
    before, numbers = (np.array(column) for column in zip(*rows, strict=True))
    ids = np.array(matched(before, numbers, k=3, next_id=3).ids)
    same = {
        (old, new)
        for old in range(3)
        for new in range(3)
        if ((before == old) & (numbers == new)).sum()
        >= SAME * max(((before == old) | (numbers == new)).sum(), 1)
    }
    kept = int((ids[numbers] == before).sum())
    for order in permutations(range(3)):
        # Of a way to hand them out, pairs that are not alike enough are no pairs.
        way = np.array([old if (old, new) in same else -1 for new, old in enumerate(order)])
        assert int((way[numbers] == before).sum()) <= kept


@given(st.permutations(range(4)), st.integers(0, 1000))
@examples(50)
def test_other_numbers_alone_change_no_id(order, seed):
    before = np.concatenate([np.arange(4), np.random.default_rng(seed).integers(4, size=50)])
    numbers = np.array(order)[before]
    found = matched(before, numbers, k=4, next_id=4)
    assert np.array(found.ids)[numbers].tolist() == before.tolist()
    assert found.next_id == 4


def test_who_stays_with_the_others_did_not_change():
    before = np.array([0, 0, 0, 1, 1, -1])
    assert stayed(before, np.array([2, 2, 0, 0, 0, 0])).tolist() == [
        True, True, False, True, True, False,
    ]  # fmt: skip


def test_trained_again_on_rows_that_moved_nearly_all_that_stayed_keep_their_id():
    kept = []
    for seed in range(5):
        rows, _ = blobs(sizes=(150, 120, 90, 60, 40), spread=0.9, seed=seed)
        rng = np.random.default_rng(seed)
        old = KMeans(KMeansConfig(k=5)).fit(rows, Options(seed=1))
        before = old.score(rows)
        moved = rows + rng.normal(scale=0.2, size=rows.shape)
        arrived, _ = blobs(sizes=(40, 40, 40, 30, 30), spread=0.9, seed=seed + 50)
        new = KMeans(KMeansConfig(k=5)).fit(np.concatenate([moved, arrived]), Options(seed=2))
        numbers = new.score(moved)
        ids = np.array(matched(before, numbers, k=5, next_id=5).ids)[numbers]
        same = stayed(before, numbers)
        kept.append((ids == before)[same].mean())
    assert min(kept) >= 0.95
