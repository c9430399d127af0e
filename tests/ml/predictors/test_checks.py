from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from personalization.ml.examples import Examples
from personalization.ml.predictors.checks import checked, enough
from personalization.ml.unfit import UnfitData
from tests.ml.predictors.behaviour import behaviour


def with_column(values: np.ndarray, *, name: str = "odd") -> Examples:
    given = behaviour(n=len(values))
    return replace(
        given,
        rows=np.column_stack([given.rows, values]),
        features=(*given.features, name),
    )


def test_sound_columns_are_all_kept() -> None:
    given = behaviour(n=400)
    found = checked(given, least=20)
    assert found.remarks == ()
    assert found.examples.features == given.features
    assert found.examples.categories == given.categories


LABELS = behaviour(n=400).labels


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full(400, np.nan), "it is NaN in every row"),
        (np.full(400, 7.5), "it is 7.5 in every row"),
        (np.where(np.arange(400) == 3, np.inf, 1.0), "it has infinite values"),
        (LABELS * 3 + 0.1, "AUC of 1.000"),
        (-LABELS, "AUC of 1.000"),
        (np.where(LABELS == 1, 5.0, np.nan), "AUC of 1.000"),
        (np.where(LABELS == 0, np.arange(400) % 9, np.nan), "AUC of 1.000"),
    ],
)
def test_columns_of_no_use_are_left_out_by_name(values: np.ndarray, reason: str) -> None:
    found = checked(with_column(values), least=20)
    assert found.examples.features == ("pages", "device", "seconds", "noise")
    assert found.examples.rows.shape == (400, 4)
    (remark,) = found.remarks
    assert remark.startswith("“odd” was left out: ")
    assert reason in remark


def test_a_category_that_knows_the_outcome_is_left_out() -> None:
    given = with_column(LABELS * 2)
    given = replace(given, categories={**given.categories, "odd": ("no", "maybe", "yes")})
    found = checked(given, least=20)
    assert "odd" not in found.examples.categories
    assert "“odd” was left out" in found.remarks[0]


def test_a_category_of_its_own_for_each_row_tells_nothing_and_is_no_leak() -> None:
    given = with_column(np.arange(200) % 200.0)
    given = replace(given, categories={"odd": tuple(map(str, range(200)))})
    assert checked(given, least=20).remarks == ()


def test_a_feature_that_is_good_but_not_perfect_stays() -> None:
    rng = np.random.default_rng(0)
    found = checked(with_column(LABELS + rng.normal(0, 0.6, 400)), least=20)
    assert "odd" in found.examples.features


def test_a_feature_that_is_mostly_one_value_stays() -> None:
    values = np.where(np.arange(400) % 50 == 0, np.nan, 1.0)
    assert "odd" in checked(with_column(values), least=20).examples.features


def test_what_is_only_known_afterwards_is_refused_whatever_it_says() -> None:
    found = checked(behaviour(n=400), least=20, known_after={"noise", "device"})
    assert found.examples.features == ("pages", "seconds")
    assert found.examples.categories == {}
    assert [remark for remark in found.remarks if "only known after" in remark] == list(
        found.remarks
    )


def test_too_few_converters_are_counted() -> None:
    given = behaviour(n=400)
    few = replace(given, labels=(np.arange(400) < 17).astype(float))
    with pytest.raises(UnfitData, match="^needs 200 converters, has 17$"):
        checked(few)


def test_too_few_who_do_not_convert_are_counted_too() -> None:
    given = behaviour(n=400)
    many = replace(given, labels=(np.arange(400) < 392).astype(float))
    with pytest.raises(UnfitData, match="^needs 200 who do not convert, has 8$"):
        enough(many)
    enough(many, least=8)


def test_nothing_that_is_left_is_said_with_every_reason() -> None:
    given = behaviour(n=400)
    with pytest.raises(UnfitData, match="No feature is left.*“pages” was.*“noise” was"):
        checked(given, least=20, known_after=given.features)
