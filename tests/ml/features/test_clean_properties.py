"""Cleaning, by what holds for any rows: scaled and back, once and again, in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

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
)
from personalization.ml.unfit import UnfitData
from tests.effort import examples

NAN = float("nan")
AB = ("größe", "年齢")
SCALES = [MinMax(), Standard(), Robust()]
ALL = [*SCALES, Log(), Impute(), ZScore(most=2), Iqr(most=1)]


def rows_of(*, holes: bool = False, least: int = 3) -> st.SearchStrategy[Any]:
    elements: st.SearchStrategy[float] = st.integers(-1000, 1000).map(float)
    return arrays(
        np.float64,
        st.tuples(st.integers(least, 15), st.just(2)),
        elements=elements | st.just(NAN) if holes else elements,
    )


def fitted(rows: Any, *some: Step) -> tuple[Cleaning, Any]:
    """Return what was learned of rows that can be learned from, and those rows clean."""
    assume(not faults(rows, AB).unusable)
    cleaning = Cleaning(some)
    return cleaning, cleaning.fit(rows, features=AB).rows


# -- scales -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", SCALES, ids=lambda step: step.name)
@given(rows=rows_of())
@examples(8)
def test_what_was_scaled_comes_back(step: Step, rows: Any) -> None:
    cleaning, scaled = fitted(rows, step)
    known = {name.rsplit(".", 1)[1]: array for name, array in cleaning.arrays().items()}
    np.testing.assert_allclose(scaled * known["spread"] + known["center"], rows, atol=1e-9)


@pytest.mark.parametrize("step", SCALES, ids=lambda step: step.name)
@given(rows=rows_of(), unit=st.sampled_from([0.001, 3.0, 1e6]), origin=st.integers(-50, 50))
@examples(8)
def test_neither_unit_nor_origin_is_seen_after_scaling(
    step: Step, rows: Any, unit: float, origin: int
) -> None:
    _, scaled = fitted(rows, step)
    _, other = fitted(rows * unit + origin, step)
    # A spread of nothing is divided by 1: there, units stay.
    spread = np.percentile(rows, 75, axis=0) > np.percentile(rows, 25, axis=0)
    np.testing.assert_allclose(other[:, spread], scaled[:, spread], atol=1e-6)


@given(rows_of())
@examples(10)
def test_least_and_greatest_become_nought_and_one(rows: Any) -> None:
    _, scaled = fitted(rows, MinMax())
    np.testing.assert_allclose(scaled.min(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.max(axis=0), 1, atol=1e-12)


@given(rows_of())
@examples(10)
def test_the_mean_becomes_nought_and_the_deviation_one(rows: Any) -> None:
    _, scaled = fitted(rows, Standard())
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-9)


@given(rows_of(), st.floats(1e4, 1e9))
@examples(10)
def test_one_far_out_has_no_say_in_a_robust_scale(rows: Any, far: float) -> None:
    assume(len(rows) >= 9)
    odd = rows[np.argsort(rows[:, 0])]
    further = odd.copy()
    further[-1, 0] = 1e4 + far
    odd[-1, 0] = 1e4
    _, one = fitted(odd, Robust())
    _, other = fitted(further, Robust())
    np.testing.assert_array_equal(other[:-1], one[:-1])


@given(rows_of())
@examples(10)
def test_a_logarithm_comes_back_and_keeps_order_and_sign(rows: Any) -> None:
    _, logs = fitted(rows, Log())
    np.testing.assert_allclose(np.sign(logs) * np.expm1(np.abs(logs)), rows, rtol=1e-9)
    assert (np.sign(logs) == np.sign(rows)).all()
    for column in range(2):
        order = np.argsort(rows[:, column], kind="stable")
        assert (np.diff(logs[order, column]) >= 0).all()


# -- any step ---------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ALL, ids=lambda step: step.name)
@given(rows=rows_of(holes=True), data=st.data())
@examples(8)
def test_the_order_of_rows_is_no_matter(step: Step, rows: Any, data: Any) -> None:
    _, clean = fitted(rows, step)
    order = data.draw(st.permutations(range(len(rows))))
    _, other = fitted(rows[order], step)
    np.testing.assert_allclose(other, clean[order], atol=1e-9)


@pytest.mark.parametrize("step", ALL, ids=lambda step: step.name)
@given(rows=rows_of(holes=True))
@examples(8)
def test_a_column_is_cleaned_as_it_would_be_alone(step: Step, rows: Any) -> None:
    _, clean = fitted(rows, step)
    alone = Cleaning([step]).fit(rows[:, 1:], features=AB[1:]).rows
    np.testing.assert_array_equal(clean[:, 1:], alone)


@pytest.mark.parametrize("step", ALL, ids=lambda step: step.name)
@given(rows=rows_of(holes=True))
@examples(8)
def test_a_row_is_cleaned_as_among_others(step: Step, rows: Any) -> None:
    cleaning, clean = fitted(rows, step)
    for place in range(len(rows)):
        np.testing.assert_array_equal(cleaning.apply(rows[place : place + 1])[0], clean[place])
    assert cleaning.apply(rows[:0]).shape == (0, 2)


@pytest.mark.parametrize("step", [each for each in ALL if each.name != "impute"])
@given(rows=rows_of(holes=True))
@examples(8)
def test_only_filling_in_fills_in(step: Step, rows: Any) -> None:
    _, clean = fitted(rows, step)
    np.testing.assert_array_equal(np.isnan(clean), np.isnan(rows))


@given(rows_of(holes=True))
@examples(10)
def test_what_is_filled_in_lies_among_what_is_known(rows: Any) -> None:
    _, clean = fitted(rows, Impute())
    assert not np.isnan(clean).any()
    np.testing.assert_array_equal(clean[~np.isnan(rows)], rows[~np.isnan(rows)])
    assert (clean.min(axis=0) == np.nanmin(rows, axis=0)).all()
    assert (clean.max(axis=0) == np.nanmax(rows, axis=0)).all()


@pytest.mark.parametrize("step", [ZScore(most=1), Iqr(most=0.5)])
@given(rows=rows_of())
@examples(8)
def test_who_was_brought_back_once_stays_there(step: Step, rows: Any) -> None:
    cleaning, clean = fitted(rows, step)
    np.testing.assert_array_equal(cleaning.apply(clean), clean)
    assert (clean.min(axis=0) >= rows.min(axis=0)).all()
    assert (clean.max(axis=0) <= rows.max(axis=0)).all()


@pytest.mark.parametrize("far", [np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("step", [ZScore(), Iqr()])
def test_who_is_scored_may_be_as_far_out_as_can_be(step: Step, far: float) -> None:
    cleaning = Cleaning([Log(), step, Standard()])
    cleaning.fit(np.array([[1.0, 2], [3, 1], [2, 5], [8, 2]]), features=AB)
    found = cleaning.apply(np.array([[far, 2], [2, 2]]))
    assert np.isfinite(found).all()
    assert np.sign(found[0, 0]) == np.sign(far)


@given(rows_of(least=6))
@examples(8)
def test_a_correction_by_what_explains_nothing_takes_nothing_out(rows: Any) -> None:
    assume(len(np.unique(rows[:, 1])) > 1)
    rows = rows.copy()
    rows[:, 0] = rows[:, 1] * 2 + 5
    _, clean = fitted(rows, Correct(columns=AB[:1], by=AB[1:]))
    # All of it was explained: what is left is the mean.
    np.testing.assert_allclose(clean[:, 0], rows[:, 0].mean(), atol=1e-6)
    np.testing.assert_array_equal(clean[:, 1], rows[:, 1])


# -- what is wrong ----------------------------------------------------------------------------

_ODD = arrays(
    np.float64,
    st.tuples(st.integers(0, 5), st.just(3)),
    elements=st.sampled_from([0.0, 1.0, NAN, np.inf, -np.inf]),
)


@given(_ODD)
@examples(26)
def test_each_column_is_wrong_in_one_way_at_most_and_right_if_in_none(rows: Any) -> None:
    names = ("a", "b", "c")
    found = faults(rows, names)
    assert len(set(found.unusable)) == len(found.unusable)
    for place, name in enumerate(names):
        column = rows[:, place]
        known = column[~np.isnan(column)]
        assert (name in found.unknown) == (not len(known))
        assert (name in found.infinite) == bool(np.isinf(known).any())
        one_value = len(set(known)) == 1 and np.isfinite(known).all()
        assert (name in found.constant) == one_value
        if len(known):
            assert found.missing.get(name, 0) == pytest.approx(1 - len(known) / len(column))
    assert [names[place] for place in usable(rows, names)] == [
        name for name in names if name not in found.unusable
    ]


@given(_ODD)
@examples(13)
def test_rows_are_learned_from_or_refused_by_the_name_of_a_column(rows: Any) -> None:
    cleaning = Cleaning([Log(), ZScore(), Impute(), Standard()])
    names = ("a", "größe", "c")
    if faults(rows, names).unusable:
        with pytest.raises(UnfitData, match=": (a|größe|c)[,.]"):
            cleaning.fit(rows, features=names)
        assert cleaning.features == ()
    else:
        assert np.isfinite(cleaning.fit(rows, features=names).rows).all()
