"""Figures go by names that people know, and no shipped figure goes without one."""

from __future__ import annotations

from dataclasses import fields

import pytest

from personalization.ml.evaluation import probabilities
from personalization.ml.training.figure_names import meaning_of, name_of, other_of, path_words
from personalization.ml.training.figures import JUDGED_BY
from personalization.ml.training.judging import Quality

OF_RECOMMENDERS = tuple(Quality(ndcg=0, hit_rate=0, mrr=0, coverage=0).figures())
OF_PREDICTORS = tuple(each.name for each in fields(probabilities.Quality))
OF_OTHERS = ("groups", "silhouette", "davies_bouldin", "least_rule_f1", "kept_ids", "lift")
OF_DRIFT = ("drift_psi", "drift_ks", "drift_slow_psi", "drift_ece")


@pytest.mark.parametrize("key", OF_RECOMMENDERS + OF_PREDICTORS + OF_OTHERS + OF_DRIFT)
def test_every_shipped_figure_has_a_name_without_an_underscore(key: str) -> None:
    assert name_of(key)
    assert "_" not in name_of(key)


@pytest.mark.parametrize("key", [*JUDGED_BY, "auc", "ece", "silhouette"])
def test_what_decides_says_what_it_means(key: str) -> None:
    assert meaning_of(key)


def test_no_two_figures_share_a_name() -> None:
    keys = set(OF_RECOMMENDERS + OF_PREDICTORS + OF_OTHERS + OF_DRIFT)
    assert len({name_of(key) for key in keys}) == len(keys)


def test_a_figure_of_a_site_keeps_the_name_that_its_recipe_gives() -> None:
    assert (name_of("saved_hours"), meaning_of("saved_hours")) == ("saved hours", "")


def test_who_stands_beside_is_named() -> None:
    assert other_of("serving") == "the version that served"
    assert other_of("popularity") == "popularity"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("metrics.ap", "average precision"),
        ("metrics.popularity.ndcg_20", "NDCG@20, popularity"),
        ("metrics.base rate.ap", "average precision, base rate"),
        ("config.engines.ease.l2", "config.engines.ease.l2"),
        ("rows", "rows"),
    ],
)
def test_differences_in_figures_go_by_their_names(path: str, words: str) -> None:
    assert path_words(path) == words
