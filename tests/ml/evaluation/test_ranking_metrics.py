"""Metrics of lists, by hand where a hand is enough, and by their definition where not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.arrays import Indices
from personalization.ml.evaluation.ranking_metrics import (
    coverage,
    gini,
    half_life_utility,
    hit_rate,
    mid_rank,
    ndcg,
    recall,
    reciprocal_rank,
)
from tests.effort import examples


def items(*numbers: int) -> Indices:
    return np.array(numbers, np.int32)


lists = st.permutations(range(12)).map(lambda each: items(*each))
wanted = st.sets(st.integers(0, 15), max_size=8).map(lambda each: items(*sorted(each)))


def test_ndcg_discounts_by_the_logarithm_of_the_rank() -> None:
    found = ndcg(items(7, 1, 8, 2), relevant=items(1, 2, 3), n=4)
    best = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert found == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / best)


def test_no_more_than_n_can_be_right() -> None:
    assert ndcg(items(1, 2), relevant=items(1, 2, 3, 4), n=2) == 1


def test_a_list_may_be_shorter_than_n() -> None:
    assert ndcg(items(1), relevant=items(1), n=10) == 1
    assert ndcg(items(), relevant=items(1), n=10) == 0


def test_where_nothing_is_right_nothing_is_gained() -> None:
    for metric in (ndcg, recall, hit_rate, reciprocal_rank):
        assert metric(items(1, 2), relevant=items(), n=2) == 0


def test_recall_is_a_share_of_the_right_ones() -> None:
    assert recall(items(1, 9, 2), relevant=items(1, 2, 3, 4), n=2) == 0.25
    assert recall(items(1, 9, 2), relevant=items(1, 2, 3, 4), n=3) == 0.5


def test_a_hit_is_a_hit_up_to_n() -> None:
    assert hit_rate(items(8, 9, 1), relevant=items(1), n=3) == 1
    assert hit_rate(items(8, 9, 1), relevant=items(1), n=2) == 0


def test_the_first_right_one_counts() -> None:
    assert reciprocal_rank(items(8, 1, 2), relevant=items(2, 1), n=3) == 0.5
    assert reciprocal_rank(items(8, 9, 2), relevant=items(2), n=2) == 0


@examples(60)
@given(lists, wanted, st.integers(1, 12))
def test_all_are_between_0_and_1_and_agree_on_nothing(
    ranked: Indices, relevant: Indices, n: int
) -> None:
    found = [
        metric(ranked, relevant=relevant, n=n)
        for metric in (ndcg, recall, hit_rate, reciprocal_rank)
    ]
    assert all(0 <= each <= 1 + 1e-12 for each in found)
    assert len({each > 0 for each in found}) == 1


@examples(60)
@given(lists, wanted, st.integers(1, 11))
def test_a_right_one_is_worth_more_further_up(ranked: Indices, relevant: Indices, n: int) -> None:
    place = n - 1
    if ranked[place] not in relevant and ranked[place + 1] in relevant:
        swapped = ranked.copy()
        swapped[[place, place + 1]] = ranked[[place + 1, place]]
        for metric in (ndcg, reciprocal_rank):
            assert metric(swapped, relevant=relevant, n=12) >= metric(
                ranked, relevant=relevant, n=12
            )


class TestMidRank:
    def test_it_is_the_place_from_1(self) -> None:
        assert mid_rank(np.array([3, 1, 2], np.float32), target=0) == 1
        assert mid_rank(np.array([3, 1, 2], np.float32), target=1) == 3

    def test_equal_scores_share_their_places(self) -> None:
        scores = np.array([5, 2, 2, 2, 0], np.float32)
        assert [mid_rank(scores, target=n) for n in (1, 2, 3)] == [3, 3, 3]

    def test_who_scores_all_the_same_gains_nothing(self) -> None:
        assert mid_rank(np.zeros(101, np.float32), target=0) == 51

    def test_what_is_left_out_has_no_rank_and_takes_none(self) -> None:
        scores = np.array([-np.inf, 1, -np.inf, 0], np.float32)
        assert mid_rank(scores, target=0) == float("inf")
        assert mid_rank(scores, target=3) == 2

    @examples(40)
    @given(st.lists(st.integers(0, 3), min_size=1, max_size=9))
    def test_ranks_add_up_to_those_without_ties(self, scores: list[int]) -> None:
        array = np.array(scores, np.float32)
        ranks = [mid_rank(array, target=n) for n in range(len(array))]
        assert sum(ranks) == pytest.approx(len(array) * (len(array) + 1) / 2)


class TestHalfLife:
    def test_the_fifth_is_worth_half_of_the_first(self) -> None:
        ranked = items(*range(10))
        assert half_life_utility(ranked, relevant=items(0))[0] == 1
        assert half_life_utility(ranked, relevant=items(4))[0] == pytest.approx(0.5)
        assert half_life_utility(ranked, relevant=items(8))[0] == pytest.approx(0.25)

    def test_the_most_is_what_the_best_list_is_worth(self) -> None:
        worth, most = half_life_utility(items(3, 1, 7, 0), relevant=items(1, 3, 7))
        assert worth == pytest.approx(most)

    def test_what_is_not_in_the_list_counts_in_the_most_alone(self) -> None:
        worth, most = half_life_utility(items(0), relevant=items(0, -1))
        assert worth == 1
        assert most > 1


class TestOfManyLists:
    def test_coverage_counts_each_item_once(self) -> None:
        assert coverage([items(0, 1), items(1, 2)], n_items=6) == 0.5
        assert coverage([], n_items=6) == 0

    def test_as_often_each_is_even(self) -> None:
        assert gini([items(0, 1), items(2, 3)], n_items=4) == pytest.approx(0)

    def test_one_alone_is_most_uneven(self) -> None:
        assert gini([items(0)] * 50, n_items=100) == pytest.approx(0.99)

    @examples(40)
    @given(st.lists(st.integers(0, 9), min_size=1, max_size=60))
    def test_gini_is_the_mean_difference_over_twice_the_mean(self, shown: list[int]) -> None:
        counts = np.bincount(shown, minlength=10)
        differences = np.abs(counts[:, None] - counts[None, :]).mean()
        wanted = differences / (2 * counts.mean())
        assert gini([items(each) for each in shown], n_items=10) == pytest.approx(wanted)

    def test_nothing_shown_is_nothing(self) -> None:
        assert gini([], n_items=5) == 0
        assert gini([items()], n_items=5) == 0
