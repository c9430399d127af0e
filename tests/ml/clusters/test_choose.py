"""How many groups there are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from personalization.ml.base import Options
from personalization.ml.clusters.choose import (
    Choice,
    ChoiceConfig,
    Tried,
    choose,
    chosen_of,
    remarks_on,
)
from personalization.ml.clusters.kmeans import KMeans, KMeansConfig
from personalization.ml.unfit import UnfitData
from tests.ml.clusters.contract import blobs

QUICK = ChoiceConfig(most=6, rounds=4)


def kmeans(k: int):
    return KMeans(KMeansConfig(k=k, starts=4))


def tried(k: int, agreement: float, silhouette: float, **others: float) -> Tried:
    figures = {"worst_silhouette": 0.4, "smallest": 0.1} | others
    return Tried(
        k=k,
        agreement=agreement,
        least_agreement=agreement,
        silhouette=silhouette,
        davies_bouldin=1.0,
        scatter=100.0 / k,
        **figures,
    )


def choice(*each: Tried, config: ChoiceConfig = QUICK) -> Choice:
    k = chosen_of(each, config=config)
    stable = any(one.agreement >= config.stable for one in each)
    return Choice(k=k, tried=each, is_stable=stable, elbow=2)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_as_many_groups_are_chosen_as_there_are(n):
    rows, _ = blobs(sizes=(160, 130, 100, 80, 60)[:n], spread=0.6)
    found = choose(kmeans, rows, config=QUICK, options=Options())
    assert (found.k, found.is_stable) == (n, True)
    assert found.chosen.agreement > 0.9
    assert [each.k for each in found.tried] == [2, 3, 4, 5, 6]
    assert remarks_on(found, k=n, config=QUICK) == ()


def test_the_same_seed_chooses_by_the_same_figures():
    rows, _ = blobs(spread=1.5)
    one, same, other = (
        choose(kmeans, rows, config=QUICK, options=Options(seed=seed)) for seed in (3, 3, 4)
    )
    assert one == same != other


def test_of_the_stable_ones_almost_as_far_apart_the_largest_is_chosen():
    figures = [tried(2, 0.99, 0.40), tried(3, 0.97, 0.38), tried(4, 0.95, 0.2), tried(5, 0.5, 0.6)]
    assert chosen_of(figures, config=QUICK) == 3
    assert chosen_of(figures, config=replace(QUICK, nearly=0.5)) == 4
    assert chosen_of(figures, config=replace(QUICK, nearly=1.0)) == 2
    assert chosen_of(figures, config=replace(QUICK, stable=0.4)) == 5


def test_as_many_as_before_are_kept_if_they_are_as_good():
    figures = [tried(2, 0.99, 0.40), tried(3, 0.97, 0.38), tried(4, 0.5, 0.4)]
    assert [chosen_of(figures, config=QUICK, before=k) for k in (0, 2, 3, 4, 9)] == [3, 2, 3, 3, 3]


def test_a_number_with_a_group_too_small_to_be_worth_one_is_not_chosen():
    figures = [tried(2, 0.99, 0.4), tried(3, 0.97, 0.5, smallest=0.04)]
    assert chosen_of(figures, config=QUICK) == 2
    assert chosen_of(figures, config=replace(QUICK, smallest=0.03)) == 3
    assert chosen_of(figures[1:], config=QUICK) == 3


def test_where_nothing_lies_apart_the_least_bad_is_chosen():
    assert chosen_of([tried(2, 0.95, -0.1), tried(3, 0.95, -0.2)], config=QUICK) == 2


def test_where_nothing_is_stable_it_is_said():
    rows = np.random.default_rng(4).normal(size=(150, 6))
    found = choose(kmeans, rows, config=QUICK, options=Options())
    assert not found.is_stable
    assert found.chosen.agreement == max(each.agreement for each in found.tried)
    said = remarks_on(found, k=found.k, config=QUICK)
    assert said[0].startswith(f"No number of groups comes out again: at {found.k} two trainings")


def test_more_groups_than_there_are_are_too_many():
    found = choice(tried(2, 0.95, 0.3), tried(3, 0.97, 0.5), tried(4, 0.7, 0.31))
    said = remarks_on(found, k=4, config=QUICK)
    assert said == (
        "Too many groups: of 4, two trainings agree in 0.70 and the silhouette is 0.31; "
        "3 groups have 0.97 and 0.50.",
    )
    assert remarks_on(found, k=2, config=QUICK) == ()


def test_a_group_that_is_hardly_apart_and_one_that_is_small_are_told():
    found = choice(tried(2, 0.95, 0.3, worst_silhouette=0.04, smallest=0.011))
    assert remarks_on(found, k=2, config=QUICK) == (
        "A group is hardly apart from its neighbour: its silhouette is 0.04.",
        "The smallest group has 1.1% of the visitors, less than 5.0%.",
    )


def test_how_far_it_is_is_told_while_it_tries():
    told = []
    options = Options(progress=lambda share, words: told.append((share, words)))
    rows, _ = blobs()
    choose(kmeans, rows, config=replace(QUICK, most=3, rounds=2), options=options)
    assert told == [(0.0, "tries 2 groups"), (0.5, "tries 3 groups")]


def test_too_few_rows_cannot_tell():
    with pytest.raises(UnfitData, match="rows that differ"):
        choose(kmeans, np.eye(3), config=QUICK, options=Options())


def test_from_more_to_fewer_there_is_nothing_to_try():
    with pytest.raises(UnfitData, match="From 5 to 3 clusters"):
        choose(kmeans, np.eye(3), config=ChoiceConfig(least=5, most=3), options=Options())
