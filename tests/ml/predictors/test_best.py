from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from personalization.ml.base import InvalidConfig, Options, Predictor
from personalization.ml.evaluation.folds import in_time
from personalization.ml.evaluation.probabilities import expected_calibration_error
from personalization.ml.examples import Examples
from personalization.ml.predictors.best import Best, BestConfig
from personalization.ml.predictors.boosting import Boosting
from personalization.ml.predictors.forest import Forest
from personalization.ml.predictors.logistic import Logistic
from personalization.ml.predictors.odds import probabilities
from personalization.ml.predictors.search import judged_rows, tried
from personalization.ml.unfit import UnfitData
from tests.ml.predictors.behaviour import MINUTE, behaviour
from tests.ml.predictors.test_predictors import PredictorContract


def drawn(*, n: int, log_odds: Any, seed: int = 0) -> Examples:
    """Return rows of two numbers from -2 to 2 that convert by the `log_odds` of both."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-2, 2, (n, 2))
    labels = (rng.random(n) < probabilities(log_odds(rows[:, 0], rows[:, 1]))).astype(float)
    return Examples(
        rows=rows,
        labels=labels,
        features=("one", "other"),
        at=np.arange(n, dtype=np.int64) * MINUTE,
        visitor=np.arange(n, dtype=np.int32),
    )


class TestBest(PredictorContract):
    def made(self) -> Predictor[Any]:
        return Best(BestConfig(candidates="logistic"))


class TestBestOfTrees(PredictorContract):
    def made(self) -> Predictor[Any]:
        return Best(BestConfig(candidates="boosting", folds=1))


def test_a_straight_line_wins_where_things_are_straight() -> None:
    model = Best().fit(drawn(n=500, log_odds=lambda one, other: 2 * one + other), Options())
    assert isinstance(model.model, Logistic)
    assert [trial["algorithm"] for trial in model.trials][0] == "logistic"
    assert {trial["algorithm"] for trial in model.trials} == {"logistic", "boosting", "forest"}


def test_trees_win_where_only_both_together_tell() -> None:
    given = drawn(n=600, log_odds=lambda one, other: 4 * np.sign(one * other))
    model = Best().fit(given, Options())
    assert isinstance(model.model, Boosting | Forest)
    assert model.trials[0]["loss"] < 0.8 * model.trials[-1]["loss"]


def test_what_it_serves_has_learned_of_all_rows() -> None:
    given = behaviour(n=300)
    model = Best(BestConfig(candidates="logistic")).fit(given, Options())
    alone = Logistic().fit(given, Options())
    assert model.model.score(given.rows).tolist() == alone.score(given.rows).tolist()


def test_what_was_said_too_boldly_is_made_true() -> None:
    given = drawn(n=1500, log_odds=lambda one, other: 0.6 * one - 1.5)
    bold = BestConfig(candidates="boosting", calibration="never")
    config = replace(bold, calibration="where it helps")
    later = drawn(n=4000, log_odds=lambda one, other: 0.6 * one - 1.5, seed=1)

    def off(config: BestConfig) -> float:
        model = Best(config)
        model.fit(given, Options())
        return expected_calibration_error(later.labels, model.score(later.rows))

    assert off(config) < 0.75 * off(bold)


def test_validation_is_of_what_was_said_before_it_happened() -> None:
    given = drawn(n=400, log_odds=lambda one, other: 0 * one)
    found = Best(BestConfig(candidates="boosting")).fit(given, Options()).validation
    # Trees know their own rows by heart; of later ones nothing can be known here.
    assert 0.4 < found["auc"] < 0.6
    assert found["rows"] == 240


def test_the_horizon_of_labels_keeps_validation_apart_from_learning() -> None:
    given = replace(behaviour(n=400), horizon=50 * MINUTE)
    assert len(Best(BestConfig(candidates="logistic")).fit(given, Options()).trials) == 1
    with pytest.raises(
        UnfitData, match="needs 1 days from the earliest of 400 rows to the latest part"
    ):
        Best().fit(replace(given, horizon=1440 * MINUTE), Options())


def test_converters_all_at_once_cannot_be_validated() -> None:
    labels = (np.arange(200) < 20).astype(float)
    with pytest.raises(UnfitData, match="20 converters among 200 rows"):
        Best().fit(replace(behaviour(n=200), labels=labels), Options())


@pytest.mark.parametrize(("how", "least"), [("none", 1), ("grid", 4), ("halving", 1)])
def test_searches_try_what_is_shipped_and_what_is_near(how: Any, least: int) -> None:
    given = behaviour(n=300)
    folds = in_time(given.at, n=2)
    heard: list[float] = []
    trials = tried(
        [Logistic],
        given,
        folds,
        how=how,
        options=Options(progress=lambda share, words: heard.append(share)),
    )
    assert len(trials) >= least
    assert [trial.loss for trial in trials] == sorted(trial.loss for trial in trials)
    assert len({str(trial.config) for trial in trials}) == len(trials)
    assert all(0 <= share < 1 for share in heard)
    scores = trials[0].scores
    assert scores is not None
    assert len(scores) == judged_rows(given, folds).sum()
    assert np.isfinite(scores).all()


def test_a_grid_is_no_worse_than_what_is_shipped() -> None:
    given, folds = behaviour(n=300), in_time(behaviour(n=300).at, n=2)
    grid = tried([Logistic], given, folds, how="grid", options=Options())
    shipped = tried([Logistic], given, folds, how="none", options=Options())
    assert grid[0].loss <= shipped[0].loss
    assert shipped[0].loss in {trial.loss for trial in grid}


def test_halving_keeps_a_third_of_each_kind() -> None:
    given = behaviour(n=200)
    folds = in_time(given.at, n=1)
    trials = tried([Logistic], given, folds, how="halving", options=Options())
    grid = tried([Logistic], given, folds, how="grid", options=Options())
    assert 0 < len(trials) < len(grid)


def test_a_candidate_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidConfig, match="“candidates” is 'magic'; allowed: all, logistic"):
        BestConfig(candidates="magic")
