"""Laws of the steps that rows are cleaned by: whatever the rows, and whoever is scored later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from personalization.ml.base import InvalidConfig
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
    refuse_unknown,
    step_of,
    steps,
)
from personalization.ml.unfit import UnfitData
from tests.effort import examples

NAN = float("nan")
NOTHING = np.empty((0, 0))
SCALES = (MinMax(), Standard(), Robust())
OUTLIERS = (ZScore(most=2), Iqr(most=1.5))
ONE_BY_ONE = (*SCALES, *OUTLIERS, Log(), Impute())

#: Whole numbers, so that equal values are common and sums are exact.
some_rows = arrays(
    np.float64, st.tuples(st.integers(2, 12), st.just(2)),
    elements=st.integers(-50, 50).map(float),
)  # fmt: skip
each_step = pytest.mark.parametrize("step", ONE_BY_ONE, ids=lambda step: step.name)


def through(step: Step, rows: Any, *, learned_from: Any = None) -> Any:
    learned = step.learn(rows if learned_from is None else learned_from, NOTHING)
    return step.applied(rows, NOTHING, learned)


@each_step
@given(some_rows)
@examples(30)
def test_what_comes_out_is_as_large_and_finite(step: Step, rows: Any) -> None:
    before = rows.copy()
    found = through(step, rows)
    assert found.shape == rows.shape
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(rows, before)  # nobody else's rows are changed


@each_step
@given(some_rows)
@examples(30)
def test_who_had_more_has_no_less_afterwards(step: Step, rows: Any) -> None:
    found = through(step, rows)
    for column in (0, 1):
        order = np.argsort(rows[:, column], kind="stable")
        assert (np.diff(found[order, column]) >= -1e-9).all()


@each_step
@given(some_rows)
@examples(30)
def test_a_row_alone_becomes_what_it_becomes_among_others(step: Step, rows: Any) -> None:
    together = through(step, rows)
    alone = np.vstack([through(step, row[None, :], learned_from=rows) for row in rows])
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("step", [*SCALES, *OUTLIERS, Log()], ids=lambda step: step.name)
@given(some_rows)
@examples(20)
def test_what_is_not_known_stays_so_and_teaches_nothing(step: Step, rows: Any) -> None:
    unknown = np.vstack([rows, [[NAN, NAN]]])
    found = through(step, unknown)
    assert np.isnan(found[-1]).all()
    np.testing.assert_allclose(found[:-1], through(step, rows), atol=1e-9)


@pytest.mark.parametrize("step", SCALES, ids=lambda step: step.name)
def test_what_became_the_same_for_all_does_not_become_infinite(step: Step) -> None:
    assert through(step, np.ones((5, 2))).tolist() == np.zeros((5, 2)).tolist()


@pytest.mark.parametrize("unit", [1, 100])
def test_of_what_most_have_nothing_of_those_who_have_it_differ_as_much_in_any_unit(
    unit: int,
) -> None:
    rows = np.array([[0.0, 1.0]] * 8 + [[1.0, 2.0]] * 2) * unit
    found = through(Robust(), rows)
    np.testing.assert_allclose(found.std(axis=0), 1)
    np.testing.assert_allclose(through(Iqr(most=3), rows), rows)


@pytest.mark.parametrize("step", SCALES, ids=lambda step: step.name)
@given(some_rows, st.integers(1, 9), st.integers(-99, 99))
@examples(30)
def test_the_unit_of_a_value_says_nothing(step: Step, rows: Any, unit: int, zero: int) -> None:
    np.testing.assert_allclose(through(step, rows * unit + zero), through(step, rows), atol=1e-9)


@given(some_rows)
@examples(30)
def test_between_the_least_and_the_most_is_from_0_to_1(rows: Any) -> None:
    found = through(MinMax(), rows)
    assert ((found >= 0) & (found <= 1)).all()
    assert (found.min(axis=0) == 0).all()


@pytest.mark.parametrize("step", OUTLIERS, ids=lambda step: step.name)
@given(some_rows)
@examples(30)
def test_brought_back_or_left_out_are_the_same_rows(step: Any, rows: Any) -> None:
    learned = step.learn(rows, NOTHING)
    dropping = type(step)(most=step.most, action="drop")
    kept = dropping.kept(rows, learned)
    changed = (step.applied(rows, NOTHING, learned) != rows).any(axis=1)
    np.testing.assert_array_equal(kept, ~changed)
    assert step.kept(rows, learned) is None
    np.testing.assert_array_equal(dropping.applied(rows, NOTHING, learned), rows)


@given(some_rows)
@examples(30)
def test_logarithms_can_be_undone(rows: Any) -> None:
    found = through(Log(), rows)
    np.testing.assert_allclose(np.sign(found) * np.expm1(np.abs(found)), rows, atol=1e-9)


@given(some_rows, st.floats(-100, 100))
@examples(30)
def test_filling_in_changes_only_what_is_not_known(rows: Any, constant: float) -> None:
    holes = rows.copy()
    holes[0, 0] = NAN
    by_constant = through(Impute(by_what="constant", constant=constant), holes)
    by_median = through(Impute(), holes)
    assert by_constant[0, 0] == constant
    assert by_median[0, 0] == np.median(rows[1:, 0])
    np.testing.assert_array_equal(by_constant[1:], rows[1:])
    np.testing.assert_array_equal(by_median[1:], rows[1:])


@given(arrays(np.float64, 20, elements=st.integers(-20, 20).map(float)))
@examples(30)
def test_what_the_others_explain_wholly_is_the_same_for_all(by: Any) -> None:
    step = Correct(columns=("a",), by=("b",))
    rows, others = (3 * by + 7)[:, None], by[:, None]
    found = step.applied(rows, others, step.learn(rows, others))
    np.testing.assert_allclose(found, np.full_like(rows, rows.mean()), atol=1e-6)


def test_each_step_is_read_by_its_name_and_as_shipped() -> None:
    assert [name for name, kind in steps.items() if kind.name != name] == []
    for name in set(steps.names()) - {"correct"}:
        assert step_of(name, {}) == type(step_of(name, {}))()


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("zscore", {}, "There is no step “zscore”; allowed: z-score, iqr"),
        ("iqr", {"most": 0}, "“most” is 0; allowed: 0.1 to 100"),
        ("iqr", {"action": "keep"}, "“action” is 'keep'; allowed: clip, drop"),
        ("log", {"base": 2}, "There is no “base” here; allowed: columns"),
        ("log", {"columns": "visits"}, "“columns” is 'visits'; allowed: a list of names"),
        ("log", {"columns": [1]}, "allowed: a list of names of features"),
        ("correct", {}, "has to name “columns”"),
        ("correct", {"columns": ["a"], "by": []}, "what they depend on, “by”"),
        ("correct", {"columns": ["a"], "by": ["a"]}, "“a” cannot be corrected by itself"),
    ],
)
def test_a_step_that_cannot_be_is_refused_by_name(
    name: str, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidConfig, match=said):
        step_of(name, values)


@pytest.mark.parametrize("features", [("a",), ("b",), ()])
def test_a_feature_that_rows_do_not_have_is_named(features: tuple[str, ...]) -> None:
    step = Correct(columns=("a",), by=("b",))
    with pytest.raises(UnfitData, match="which is no feature here"):
        refuse_unknown(step, features)
    refuse_unknown(step, ("b", "a", "c"))
