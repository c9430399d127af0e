"""Rows made fit to learn from: each step by what it should do, and all of them kept."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from personalization.ml.base import InvalidConfig
from personalization.ml.features.clean import Cleaning, faults, usable
from personalization.ml.features.steps import (
    Correct,
    Impute,
    Iqr,
    Log,
    MinMax,
    Robust,
    Standard,
    Step,
    ZScore,
    steps,
)
from personalization.ml.unfit import UnfitData
from tests.effort import examples

NAN = float("nan")
AB = ("a", "b")


def some_rows(n: int = 80, *, seed: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(10, 3, n), rng.exponential(5, n)])


def cleaned(rows: Any, *some: Step, features: tuple[str, ...] = AB) -> Any:
    return Cleaning(some).fit(np.asarray(rows, np.float64), features=features).rows


@pytest.mark.parametrize(
    ("step", "peer"),
    [(MinMax(), MinMaxScaler()), (Standard(), StandardScaler()), (Robust(), RobustScaler())],
)
def test_scales_are_those_of_scikit_learn(step: Step, peer: Any) -> None:
    rows = some_rows()
    rows[3, 0] = NAN
    np.testing.assert_allclose(cleaned(rows, step), peer.fit_transform(rows))


def test_the_scale_is_that_of_the_training() -> None:
    cleaning = Cleaning([MinMax()])
    cleaning.fit(np.array([[0.0, 10.0], [4.0, 20.0]]), features=AB)
    np.testing.assert_array_equal(cleaning.apply(np.array([[8.0, 15.0]])), [[2, 0.5]])


def test_values_far_out_are_brought_back() -> None:
    rows = np.vstack([some_rows(), [[1000, 5]]])
    by_score = cleaned(rows, ZScore(most=3))
    assert by_score[-1, 0] == pytest.approx(rows[:, 0].mean() + 3 * rows[:, 0].std())
    lower, upper = np.percentile(rows[:, 0], [25, 75])
    by_range = cleaned(rows, Iqr(most=1.5, columns=("a",)))
    assert by_range[-1, 0] == pytest.approx(upper + 1.5 * (upper - lower))
    np.testing.assert_array_equal(by_range[:, 1], rows[:, 1])


@pytest.mark.parametrize("step", [ZScore(most=3, action="drop"), Iqr(most=4, action="drop")])
def test_rows_far_out_are_left_out_of_the_training_and_scored_all_the_same(step: Step) -> None:
    usual = np.random.default_rng(5).normal(10, 2, (80, 2))
    rows = np.vstack([[[1000, 5]], usual, [[NAN, 5]]])
    cleaning = Cleaning([step])
    found = cleaning.fit(rows, features=AB)
    assert not found.kept[0]
    assert found.kept[-1]  # what is not known is not far out
    np.testing.assert_array_equal(found.rows, rows[found.kept])
    np.testing.assert_array_equal(cleaning.apply(rows), rows)


def test_rows_are_counted_as_they_were_given_after_two_steps_that_leave_out() -> None:
    rows = np.array([[0.0, 0], [1, 50], [2, 1], [3, 0], [90, 1], [2, 0], [1, 1]])
    some = [
        Iqr(most=2, action="drop", columns=("a",)),
        Iqr(most=2, action="drop", columns=("b",)),
    ]
    found = Cleaning(some).fit(rows, features=AB)
    assert found.kept.tolist() == [True, False, True, True, False, True, True]


def test_logarithms_are_symmetric() -> None:
    rows = cleaned([[0, 1], [np.e - 1, -(np.e - 1)]], Log())
    np.testing.assert_allclose(rows, [[0, np.log(2)], [1, -1]])


@pytest.mark.parametrize(
    ("step", "expected"), [(Impute(), 2), (Impute(by_what="constant", constant=-1), -1)]
)
def test_what_is_not_known_is_filled_in(step: Step, expected: float) -> None:
    rows = [[1, 5], [2, 6], [NAN, 7], [3, 8]]
    assert cleaned(rows, step)[2, 0] == expected


def linear(*, noise: float = 0.0) -> Any:
    rng = np.random.default_rng(2)
    seconds, mobile = rng.uniform(10, 600, 200), rng.integers(0, 2, 200)
    pages = 1 + 0.02 * seconds - 0.5 * mobile + noise * rng.normal(size=200)
    return np.column_stack([pages, seconds, mobile])


VISIT = ("pages", "seconds", "mobile")


def test_what_a_long_visit_explains_is_taken_out() -> None:
    rows = linear(noise=0.1)
    corrected = cleaned(
        rows, Correct(columns=("pages",), by=("seconds", "mobile")), features=VISIT
    )[:, 0]
    for column in (1, 2):
        assert abs(np.corrcoef(corrected, rows[:, column])[0, 1]) < 1e-9
    assert corrected.mean() == pytest.approx(rows[:, 0].mean())
    assert corrected.std() == pytest.approx(0.1, rel=0.2)


def test_a_ratio_is_one_where_a_value_is_as_expected() -> None:
    ratio = Correct(columns=("pages",), by=("seconds", "mobile"), how="ratio")
    cleaning = Cleaning([ratio])
    assert cleaning.fit(linear(), features=VISIT).rows[:, 0] == pytest.approx(1)
    twice = cleaning.apply(np.array([[2 * 3, 100, 0], [5, -500, 0]]))
    assert twice[0, 0] == pytest.approx(2)
    assert np.isnan(twice[1, 0])  # expected would be less than nothing


def test_a_correction_goes_by_the_median_where_it_does_not_know() -> None:
    rows = linear()
    rows[0, 1] = NAN
    rows[1, 0] = NAN
    corrected = cleaned(rows, Correct(columns=("pages",), by=("seconds", "mobile")), features=VISIT)
    assert np.isfinite(corrected[0, 0])
    assert np.isnan(corrected[1, 0])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([[1, NAN], [2, NAN]], "Never known: b"),
        ([[1, 5], [2, 5]], "Of one value in all rows: b"),
        ([[1, 5], [2, np.inf]], "Infinite in some rows: b"),
        ([[1, -np.inf], [2, 4]], "Infinite in some rows: b"),
        (np.empty((0, 2)), "Never known: a, b"),
    ],
)
def test_columns_that_teach_nothing_are_named(rows: Any, says: str) -> None:
    with pytest.raises(UnfitData, match=says):
        cleaned(rows, Standard())


def test_what_is_wrong_is_said_of_each_column() -> None:
    rows = np.array([[1, 5, NAN, 1, np.inf], [2, 5, NAN, NAN, 1], [3, NAN, NAN, 2, 0]])
    names = ("fine", "constant", "unknown", "gaps", "infinite")
    found = faults(rows, names)
    assert found.unusable == ("unknown", "constant", "infinite")
    assert found.missing == pytest.approx({"constant": 1 / 3, "gaps": 1 / 3})
    assert usable(rows, names).tolist() == [0, 3]
    assert len(found.sentences()) == 4


def test_many_names_are_counted_rather_than_listed() -> None:
    names = tuple(f"f{n}" for n in range(9))
    assert faults(np.ones((3, 9)), names).sentences() == [
        "Of one value in all rows: f0, f1, f2, f3, f4 and 4 others."
    ]


def test_a_column_of_which_a_step_leaves_nothing_is_named() -> None:
    rows = np.array([[1.0, NAN], [2, NAN], [1.5, NAN], [1, NAN], [500, 3], [500, 4]])
    with pytest.raises(UnfitData, match="Before the step “robust”, never known: b"):
        cleaned(rows, ZScore(most=1, action="drop"), Robust())


def test_leaving_out_everybody_is_refused() -> None:
    rows = np.array([[0.0, 1], [1, 0]] * 5)
    with pytest.raises(UnfitData, match="leaves out every row"):
        cleaned(rows, ZScore(most=0.5, action="drop"))


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        ({"step": "nonsense"}, "no step “nonsense”; allowed: z-score"),
        ({"step": "iqr", "most": 0}, "“most” is 0; allowed: 0.1 to 100"),
        ({"step": "iqr", "action": "keep"}, "“action” is 'keep'; allowed: clip, drop"),
        ({"step": "impute", "by_what": "mode"}, "allowed: median, constant"),
        ({"step": "log", "columns": "a"}, "“columns” is 'a'; allowed: a list"),
        ({"step": "log", "columns": [1]}, "allowed: a list of names"),
        ({"step": "log", "base": 2}, "no “base” here"),
        ({"step": "correct"}, "has to name “columns”"),
        ({"step": "correct", "columns": ["a"], "by": ["a"]}, "“a” cannot be corrected by itself"),
    ],
)
def test_a_step_that_cannot_be_is_refused(stored: Any, says: str) -> None:
    with pytest.raises(InvalidConfig, match=says):
        Cleaning.read([stored])


def test_a_feature_that_there_is_not_is_named() -> None:
    with pytest.raises(UnfitData, match="“log” speaks of “c”"):
        cleaned(some_rows(), Log(columns=("c",)))


def test_rows_of_other_columns_are_refused() -> None:
    cleaning = Cleaning([Log()])
    cleaning.fit(some_rows(), features=AB)
    with pytest.raises(UnfitData, match="there are 2 features"):
        cleaning.apply(np.ones((1, 3)))


_STEPS = st.lists(
    st.sampled_from([
        ZScore(most=2), Iqr(most=1.5, columns=("b",)), MinMax(), Standard(), Robust(), Log(),
        Impute(), Correct(columns=("a",), by=("b",)),
    ]),
    max_size=5,
)  # fmt: skip
_ROWS = arrays(
    np.float64, st.tuples(st.integers(4, 12), st.just(2)), elements=st.floats(-1e3, 1e3) | st.just(NAN)
)  # fmt: skip


@examples(40)
@given(_STEPS, _ROWS)
def test_rows_of_the_training_are_scored_as_they_were_learned(some: Any, rows: Any) -> None:
    cleaning = Cleaning(some)
    before = rows.copy()
    try:
        found = cleaning.fit(rows, features=AB)
    except UnfitData:
        return
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_allclose(cleaning.apply(rows), found.rows, rtol=1e-9, atol=1e-9)
    kept = io.BytesIO()
    np.savez(kept, allow_pickle=False, other=np.ones(1), **cleaning.arrays())
    kept.seek(0)
    facts = json.loads(json.dumps(cleaning.facts(), allow_nan=False))
    back = Cleaning.restored(dict(np.load(kept)), facts)
    assert back.steps == cleaning.steps
    assert back.features == cleaning.features
    np.testing.assert_array_equal(back.apply(rows), cleaning.apply(rows))


def test_every_step_is_known_by_its_name() -> None:
    assert set(steps.names()) == {
        "z-score", "iqr", "min-max", "standard", "robust", "log", "impute", "correct",
    }  # fmt: skip
    assert all(step.name == name for name, step in steps.items())


@pytest.mark.parametrize(
    "stored", ["iqr", 5, {"step": "iqr"}, ["iqr"], [{}], [{"step": 5}], [None]]
)
def test_what_is_no_list_of_steps_is_refused(stored: Any) -> None:
    with pytest.raises(InvalidConfig, match="allowed: a(n object| list)"):
        Cleaning.read(stored)


def test_of_rows_that_lack_features_steps_go_on_without_them() -> None:
    cleaning = Cleaning([
        Log(), Iqr(columns=("a", "b")), MinMax(columns=("b",)),
        Correct(columns=("a",), by=("b", "c")), Correct(columns=("a",), by=("b",)),
    ])  # fmt: skip
    assert cleaning.looks_at == ("b", "c")
    left = cleaning.without({"b"})
    assert left.steps == (Log(), Iqr(columns=("a",)), Correct(columns=("a",), by=("c",)))
    assert cleaning.without(()).steps == cleaning.steps
    assert Cleaning([Correct(columns=("a",), by=("c",))]).without({"a"}).steps == ()


def test_each_step_is_said_in_a_few_words() -> None:
    cleaning = Cleaning([Log(), Iqr(columns=("a", "b"), most=2), Impute()])
    log, iqr, impute = cleaning.sentences()
    assert log == "log"
    assert iqr.startswith("iqr (")
    assert "columns a, b" in iqr
    assert "most 2" in iqr
    assert "by what median" in impute
