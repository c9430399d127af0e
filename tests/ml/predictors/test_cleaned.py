"""Steps of cleaning before a predictor: numbers alone, learned of what it learns of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from personalization.ml.artefact import checksum, packed, unpacked
from personalization.ml.base import InvalidConfig, Options
from personalization.ml.evaluation.folds import in_time
from personalization.ml.examples import Examples
from personalization.ml.predictors import search
from personalization.ml.predictors.best import Best, BestConfig
from personalization.ml.predictors.cleaned import applied, cleaned
from personalization.ml.predictors.tables import WrongRows
from personalization.ml.unfit import UnfitData
from tests.ml.predictors.behaviour import MINUTE

NAMES = ("one", "other", "city", "never", "same")


def given(n: int = 300, *, seed: int = 0) -> Examples:
    """Return rows of two numbers, a category, what is never known, and what is always 7."""
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(2, n))
    city = rng.integers(3, size=n).astype(float)
    labels = (one + rng.normal(size=n) > 0).astype(float)
    return Examples(
        rows=np.column_stack([one, other, city, np.full(n, np.nan), np.full(n, 7.0)]),
        labels=labels,
        features=NAMES,
        at=np.arange(n, dtype=np.int64) * MINUTE,
        visitor=np.arange(n, dtype=np.int32),
        categories={"city": ("Bern", "Biel", "Chur")},
    )


def made(*steps: dict[str, Any]) -> Best:
    return Best(BestConfig(candidates="logistic", cleaning=steps)).fit(given(), Options())


def test_numbers_are_cleaned_and_nothing_else() -> None:
    examples = given()
    found, cleaning = cleaned(examples, [{"step": "min-max"}])
    assert cleaning.features == ("one", "other")
    assert found.rows[:, :2].min(axis=0).tolist() == [0, 0]
    assert found.rows[:, :2].max(axis=0).tolist() == [1, 1]
    np.testing.assert_array_equal(found.rows[:, 2:], examples.rows[:, 2:])
    np.testing.assert_array_equal(applied(cleaning, examples.rows, NAMES), found.rows)
    assert examples.rows[:, 0].min() < 0  # what was given stays as it is


def test_without_steps_nothing_is_touched() -> None:
    examples = given()
    found, cleaning = cleaned(examples, ())
    assert found is examples
    assert applied(cleaning, examples.rows, NAMES) is examples.rows


def test_rows_that_a_step_leaves_out_take_their_labels_along() -> None:
    examples = given()
    examples.rows[::50, 0] = 1e6
    drop = [{"step": "iqr", "most": 10, "action": "drop"}]
    found, cleaning = cleaned(examples, drop)
    inside = examples.rows[:, 0] < 1e6
    np.testing.assert_array_equal(found.labels, examples.labels[inside])
    np.testing.assert_array_equal(found.visitor, examples.visitor[inside])
    assert len(applied(cleaning, examples.rows, NAMES)) == len(examples)


def test_a_step_goes_on_without_what_says_nothing_yet_and_refuses_what_there_is_not() -> None:
    correct = {"step": "correct", "columns": ["one"], "by": ["other", "same"]}
    _, cleaning = cleaned(given(), [correct])
    assert cleaning.looks_at == ("other",)
    with pytest.raises(UnfitData, match="speaks of “nothing”, which is no feature here"):
        cleaned(given(), [{"step": "log", "columns": ["nothing"]}])


def test_where_no_column_says_anything_there_is_nothing_to_clean() -> None:
    empty = Examples(
        rows=np.full((4, 1), np.nan), labels=np.zeros(4), features=("never",),
        at=np.arange(4), visitor=np.arange(4, dtype=np.int32),
    )  # fmt: skip
    found, cleaning = cleaned(empty, [{"step": "log"}])
    assert (found, cleaning.features) == (empty, ())


# -- in the predictor of plans ---------------------------------------------------------------


def test_what_was_learned_of_the_training_is_done_to_whoever_is_scored() -> None:
    rows = given(seed=4).rows
    model = made({"step": "iqr", "most": 3}, {"step": "impute"})
    far = rows.copy()
    far[:, 0] = np.where(far[:, 0] > 0, 1e9, -1e9)
    edge = rows.copy()
    low, high = (
        model.cleaning.arrays()["clean.0.low"][0],
        model.cleaning.arrays()["clean.0.high"][0],
    )
    edge[:, 0] = np.where(far[:, 0] > 0, high, low)
    np.testing.assert_array_equal(model.score(far), model.score(edge))
    assert not np.array_equal(made().score(far), made().score(edge))


def test_it_comes_back_with_its_steps() -> None:
    model, rows = made({"step": "z-score", "most": 2}, {"step": "robust"}), given(seed=4).rows
    content = packed(model)
    again = unpacked(content, sha256=checksum(content))
    assert isinstance(again, Best)
    assert [step["step"] for step in again.config.cleaning] == ["z-score", "robust"]
    assert again.config == model.config
    np.testing.assert_array_equal(again.score(rows), model.score(rows))


def test_steps_of_a_trial_see_nothing_of_what_it_is_judged_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    clean = search.cleaned

    def watched(examples: Examples, steps: Any) -> Any:
        seen.append(int(examples.at.max()))
        return clean(examples, steps)

    monkeypatch.setattr(search, "cleaned", watched)
    model = made({"step": "standard"})
    folds = search_folds(model)
    assert len(seen) == len(folds)
    assert all(at < first for at, first in zip(seen, folds, strict=True))


def search_folds(model: Best) -> list[int]:
    """Return the instant at which each part begins that trials are judged by."""
    examples = given()
    folds = in_time(examples.at, n=model.config.folds, first=model.config.first)
    return [int(examples.at[fold.test].min()) for fold in folds]


def test_as_shipped_nothing_is_cleaned() -> None:
    assert BestConfig().cleaning == ()
    assert BestConfig.read(BestConfig().written()) == BestConfig()


@pytest.mark.parametrize(
    "cleaning", [["iqr"], [{"step": "nonsense"}], "iqr", [{"step": "iqr", "most": 0}]]
)
def test_a_cleaning_that_cannot_be_is_refused_before_anything_is_learned(cleaning: Any) -> None:
    with pytest.raises(InvalidConfig, match="allowed"):
        BestConfig.read({"cleaning": cleaning})


def test_rows_of_other_columns_are_refused() -> None:
    with pytest.raises(WrongRows, match="fitted to 5 features"):
        made({"step": "standard"}).score(np.zeros((1, 3)))
