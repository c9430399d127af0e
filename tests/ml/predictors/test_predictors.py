"""What logistic regression, boosting and forests have in common, and what each is good at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from personalization.ml.base import Config, Model, Options, Predictor
from personalization.ml.evaluation.probabilities import auc
from personalization.ml.predictors.boosting import Boosting, BoostingConfig
from personalization.ml.predictors.forest import Forest, ForestConfig
from personalization.ml.predictors.logistic import Logistic
from personalization.ml.predictors.odds import log_odds, probabilities
from personalization.ml.predictors.tables import WrongRows, row_of
from personalization.ml.unfit import UnfitData
from tests.ml.contract import ModelContract
from tests.ml.predictors.behaviour import behaviour


class PredictorContract(ModelContract):
    """For any predictor: `made` gives one that has learned nothing yet."""

    def made(self) -> Predictor[Any]:
        raise NotImplementedError

    def fitted(self, *, seed: int = 0) -> Predictor[Any]:
        return self.made().fit(behaviour(n=300), Options(seed=seed))

    def answers(self, model: Model[Any]) -> np.ndarray[Any, Any]:
        assert isinstance(model, Predictor)
        return model.score(behaviour(n=100, seed=9).rows)

    def test_it_tells_who_converts(self) -> None:
        model = self.made().fit(behaviour(n=800), Options())
        unseen = behaviour(n=800, seed=1)
        assert auc(unseen.labels, model.score(unseen.rows)) > 0.7

    def test_scores_are_probabilities_whatever_is_asked(self) -> None:
        model = self.fitted()
        rows = np.array(
            [
                [np.nan] * 4,
                [1e308, 3, -1e308, 0],  # a category that was no row's
                [np.inf, 250, -np.inf, 0],
                [-5, -1, 0.5, 1e-300],
            ]
        )
        scores = model.score(rows)
        assert scores.dtype == np.float64
        assert ((scores >= 0) & (scores <= 1)).all()
        assert model.score(rows[:0]).shape == (0,)

    def test_it_knows_its_columns(self) -> None:
        model = self.fitted()
        assert model.features == ("pages", "device", "seconds", "noise")
        assert model.categories == {"device": ("phone", "desk", "tablet", "watch")}

    def test_rows_of_other_columns_are_refused(self) -> None:
        with pytest.raises(WrongRows, match=r"\(2, 3\).*fitted to 4 features"):
            self.fitted().score(np.zeros((2, 3)))

    @pytest.mark.parametrize("label", [0.0, 1.0])
    def test_one_kind_of_row_is_too_little(self, label: float) -> None:
        given = behaviour(n=50)
        given = replace(given, labels=np.full(50, label))
        with pytest.raises(UnfitData, match=f"{label * 50:g} of 50 converted"):
            self.made().fit(given, Options())

    def test_no_rows_or_columns_are_too_little(self) -> None:
        given = behaviour(n=50)
        with pytest.raises(UnfitData, match="0 of 0"):
            self.made().fit(given.where(np.zeros(50, bool)), Options())
        nothing = replace(given, rows=given.rows[:, :0], features=(), categories={})
        with pytest.raises(UnfitData, match="no feature"):
            self.made().fit(nothing, Options())

    def test_infinite_values_are_named(self) -> None:
        given = behaviour(n=50)
        given.rows[3, 2] = np.inf
        with pytest.raises(UnfitData, match="“seconds” has infinite values"):
            self.made().fit(given, Options())

    def test_learning_changes_no_row(self) -> None:
        given = behaviour(n=100)
        before = given.rows.copy()
        self.made().fit(given, Options()).score(given.rows)
        np.testing.assert_array_equal(given.rows, before)

    def test_columns_without_a_difference_do_no_harm(self) -> None:
        given = behaviour(n=300)
        given.rows[:, 2] = np.nan
        given.rows[:, 3] = 7.0
        given.rows[:, 1] = np.nan
        scores = self.made().fit(given, Options()).score(given.rows)
        assert np.isfinite(scores).all()


class TestLogistic(PredictorContract):
    def made(self) -> Predictor[Any]:
        return Logistic()


class TestBoosting(PredictorContract):
    def made(self) -> Predictor[Any]:
        return Boosting(BoostingConfig(iterations=40))


class TestForest(PredictorContract):
    def made(self) -> Predictor[Any]:
        return Forest(ForestConfig(trees=25))

    def test_another_seed_gives_another_forest(self) -> None:
        assert self.answers(self.fitted(seed=1)).tolist() != self.answers(self.fitted()).tolist()

    def test_its_trees_have_no_more_leaves_than_they_may(self) -> None:
        model = Forest(ForestConfig(trees=4, leaves=5)).fit(behaviour(n=300), Options())
        inner = model.trees.left != np.arange(len(model.trees.left))
        assert (~inner).sum() <= 4 * 5


class TestShippedSpaces:
    """What searches try is what a configuration allows."""

    kinds: ClassVar[list[type[Any]]] = [Logistic, Boosting, Forest]

    @pytest.mark.parametrize("kind", kinds)
    def test_each_value_that_a_search_tries_is_allowed(self, kind: type[Any]) -> None:
        config: type[Config] = kind.config_class
        for name, values in config.space.items():  # type: ignore[attr-defined]
            for value in values:
                assert getattr(config.read({name: value}), name) == value


def test_logistic_regression_says_what_scikit_learn_says() -> None:
    from sklearn.linear_model import LogisticRegression

    given = behaviour(n=300, missing=0.0)
    ours = Logistic().fit(given, Options()).score(given.rows)
    numbers = np.sign(given.rows) * np.log1p(np.abs(given.rows))
    scaled = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    devices = given.rows[:, [1]] == np.arange(3)
    rows = np.concatenate([scaled[:, [0, 2, 3]], devices], axis=1)
    theirs = LogisticRegression(max_iter=1000).fit(rows, given.labels).predict_proba(rows)[:, 1]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_what_is_missing_is_the_mean_to_logistic_regression() -> None:
    model = Logistic().fit(behaviour(n=300), Options())
    mean = np.expm1(model.mean[0])
    rows = np.array([[mean, 1, 50, 0], [np.nan, 1, 50, 0]])
    asked = model.score(rows)
    assert asked[0] == pytest.approx(asked[1])


@pytest.mark.parametrize("value", [-800.0, -3.0, 0.0, 2.5, 800.0])
def test_odds_come_back_without_overflow(value: float) -> None:
    probability = probabilities(np.array([value]))
    assert 0 <= probability[0] <= 1
    assert probability + probabilities(np.array([-value])) == pytest.approx(1)
    assert abs(log_odds(probability)[0]) <= 28
    if abs(value) < 20:
        assert log_odds(probability)[0] == pytest.approx(value, abs=1e-9)


def test_a_row_is_read_from_what_is_known_of_somebody() -> None:
    model = Logistic().fit(behaviour(n=100), Options())

    def row(**values: Any) -> list[float]:
        return np.nan_to_num(row_of(model, values), nan=-9.0)[0].tolist()

    assert row(pages=3, device="desk", seconds=1.5, noise=True, other=1) == [3, 1, 1.5, 1]
    assert row() == [-9.0] * 4
    assert row(pages="many", device="fridge", seconds=None, noise=[1]) == [-9.0] * 4


def test_categories_that_are_numbers_are_read_by_their_digits() -> None:
    model = Logistic()
    model.features, model.categories = (
        ("hour", "weekend"),
        {
            "hour": ("9", "2.5"),
            "weekend": ("false", "true"),
        },
    )
    assert row_of(model, {"hour": 2.5, "weekend": True}).tolist() == [[1, 1]]
    assert row_of(model, {"hour": 9, "weekend": "false"}).tolist() == [[0, 0]]
