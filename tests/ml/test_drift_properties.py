"""Drift by what holds for any values: nothing from itself, never less than nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.drift import (
    DRIFTED,
    MOVED,
    calibration_drift,
    drift,
    drifts,
    ks,
    ks_of,
    psi,
    psi_by_chance,
)
from personalization.ml.references import Reference, reference_of, references
from personalization.ml.unfit import UnfitData
from personalization.ml.verdicts import LEAST_ROWS, ColumnDrift, worst
from tests.effort import examples

NAN = float("nan")
#: Few values, so that many are the same, and some far out.
VALUES = st.lists(
    st.integers(-5, 5).map(float) | st.sampled_from([NAN, 1e300, -1e300]), min_size=1, max_size=60
)
COUNTS = st.lists(st.integers(0, 50), min_size=4, max_size=4).map(tuple)


def counted(counts: tuple[int, ...], missing: int = 0) -> Reference:
    return Reference(
        cuts=tuple(float(n) for n in range(len(counts) - 1)), counts=counts, missing=missing
    )


# -- PSI --------------------------------------------------------------------------------------


@given(VALUES)
@examples(30)
def test_nothing_has_moved_from_itself(values: Any) -> None:
    then = reference_of(np.array(values))
    assert psi(then, then.counted(np.array(values))) == 0


@given(COUNTS, COUNTS, st.integers(0, 9), st.integers(0, 9))
@examples(40)
def test_psi_is_never_less_than_nothing_and_never_endless(
    one: Any, other: Any, missing: int, gone: int
) -> None:
    found = psi(counted(one, missing), counted(other, gone))
    assert 0 <= found < math.inf


@given(VALUES, VALUES, st.randoms(use_true_random=False))
@examples(20)
def test_neither_order_nor_grouping_of_rows_is_any_matter(
    one: Any, other: Any, random: Any
) -> None:
    then = reference_of(np.array(one))
    shuffled = list(other)
    random.shuffle(shuffled)
    assert psi(then, then.counted(np.array(shuffled))) == psi(then, then.counted(np.array(other)))


@pytest.mark.parametrize("less", [0.2, 0.5, 0.9])
def test_the_more_rows_move_the_further_it_is(less: float) -> None:
    then = counted((1000, 1000, 1000, 1000))
    moved = [
        psi(then, counted((1000 - n, 1000, 1000, 1000 + n)))
        for n in (0, round(less * 400), round(less * 900))
    ]
    assert moved == sorted(moved)
    assert moved[0] == 0
    assert moved[1] < moved[2]


@pytest.mark.parametrize("scale", [1e-6, -1.0, 1e6])
def test_the_unit_of_a_column_is_no_matter(scale: float) -> None:
    rng = np.random.default_rng(4)
    one, other = rng.normal(size=3000), rng.normal(0.4, size=3000)
    usual = drift("x", reference_of(one), other)
    scaled = drift("x", reference_of(one * scale), other * scale)
    assert scaled.verdict == usual.verdict == "moved"
    assert scaled.psi == pytest.approx(usual.psi, abs=0.02)


@given(n=st.integers(1, 10_000), m=st.integers(1, 10_000))
@examples(20)
def test_of_more_rows_less_is_by_chance(n: int, m: int) -> None:
    then = counted((n, n, n, n))
    assert psi_by_chance(then, counted((m, m, m, m))) > psi_by_chance(
        then, counted((2 * m, 2 * m, 2 * m, 2 * m))
    )


# -- KS ---------------------------------------------------------------------------------------

KNOWN = st.lists(st.integers(-5, 5).map(float) | st.floats(-1e3, 1e3), min_size=1, max_size=40)


@given(KNOWN, KNOWN)
@examples(20)
def test_ks_is_the_same_from_either_side(one: Any, other: Any) -> None:
    here, there = ks(np.array(one), np.array(other)), ks(np.array(other), np.array(one))
    assert here.statistic == pytest.approx(there.statistic)
    assert here.chance == pytest.approx(there.chance)
    assert 0 <= here.statistic <= 1


@given(KNOWN, KNOWN)
@examples(20)
def test_only_the_order_of_values_matters_to_ks(one: Any, other: Any) -> None:
    usual = ks(np.array(one), np.array(other))
    ranks = {value: float(place) for place, value in enumerate(sorted({*one, *other}))}
    ranked = ks(np.array([ranks[v] for v in one]), np.array([ranks[v] for v in other]))
    assert ranked.statistic == pytest.approx(usual.statistic)


def test_ks_of_values_all_below_the_others_is_one_whatever_they_are() -> None:
    for far in (1.0, 1e300, np.inf):
        assert ks(np.array([-far, 0.0]), np.array([far, far])).statistic == 1


@given(KNOWN)
@examples(15)
def test_ks_of_the_same_is_nothing_and_wholly_by_chance(values: Any) -> None:
    same = ks(np.array(values), np.array(values[::-1]))
    assert same.statistic == pytest.approx(0)
    assert same.chance == 1
    then = reference_of(np.array(values))
    assert ks_of(then, then).statistic == pytest.approx(0)


# -- columns ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, -7.5, 1e300])
def test_a_column_of_one_value_is_steady_until_it_has_another(value: float) -> None:
    then = reference_of(np.full(500, value))
    assert drift("x", then, np.full(500, value)).verdict == "steady"
    assert then.cuts == ()
    # Its one value is not kept, so other values are no drift to be told by; unknown ones are.
    assert drift("x", then, np.full(500, NAN)).verdict == "drifted"


@pytest.mark.parametrize("far", [np.inf, -np.inf, 1e308])
def test_values_as_far_out_as_can_be_are_counted_at_the_end(far: float) -> None:
    values = np.random.default_rng(1).normal(size=1000)
    then = reference_of(values)
    found = drift("x", then, np.full(400, far))
    assert (found.verdict, found.rows) == ("drifted", 400)
    assert math.isfinite(found.psi)
    assert found.ks > 0.9


@pytest.mark.parametrize("n", [0, 1, LEAST_ROWS - 1])
def test_of_few_rows_the_number_is_told_and_no_verdict(n: int) -> None:
    found = drift("größe", reference_of(np.arange(500.0)), np.full(n, 1e6))
    assert (found.verdict, found.rows, found.psi) == ("unknown", n, 0)
    assert found.sentence() == f"“größe”: {n} rows are too few to say, needs {LEAST_ROWS}."


def test_columns_equally_far_come_by_name_and_verdicts_by_their_limits() -> None:
    rng = np.random.default_rng(2)
    column = rng.normal(size=1000)
    rows = np.column_stack([column, column, rng.normal(size=1000)])
    then = references(rows, ["b", "a", "年齢"])
    found = drifts(then, np.column_stack([column + 1, column + 1, rows[:, 2]]), ["b", "a", "年齢"])
    assert [each.name for each in found] == ["a", "b", "年齢"]
    assert [each.verdict for each in found] == ["drifted", "drifted", "steady"]
    assert 0 < MOVED < DRIFTED


@given(st.lists(st.sampled_from(["steady", "moved", "drifted", "unknown"]), max_size=6))
@examples(20)
def test_the_worst_is_worse_than_none_of_the_others(verdicts: Any) -> None:
    some = [ColumnDrift(name="x", rows=1, psi=0, ks=0, verdict=each) for each in verdicts]
    found = worst(some)
    order = ["unknown", "steady", "moved", "drifted"]
    assert order.index(found) == max((order.index(each) for each in verdicts), default=0)


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (np.zeros(3), ["a"]),
        (np.zeros((3, 2)), ["a"]),
        (np.zeros((3, 0)), ["a"]),
        (np.zeros((1, 2, 3)), ["a", "b"]),
    ],
)
def test_rows_of_another_shape_are_refused_with_what_they_have(rows: Any, names: Any) -> None:
    for look in (
        lambda: drifts({}, rows, names),
        lambda: references(rows, names),
    ):
        with pytest.raises(UnfitData, match=f"{len(names)} columns") as error:
            look()
        assert str(rows.shape) in str(error.value)


# -- probabilities ----------------------------------------------------------------------------

SAID = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(0, 1)), min_size=1, max_size=60)


@given(SAID, st.randoms(use_true_random=False))
@examples(20)
def test_an_error_of_calibration_is_a_share_and_knows_no_order(said: Any, random: Any) -> None:
    labels, scores = (np.array(column) for column in zip(*said, strict=True))
    found = calibration_drift(labels, scores, then=0.0)
    assert 0 <= found.now <= 1
    assert 0 <= found.by_chance <= 1
    order = list(range(len(said)))
    random.shuffle(order)
    other = calibration_drift(labels[order], scores[order], then=0.0)
    assert other.by_chance == pytest.approx(found.by_chance)


@pytest.mark.parametrize("sure", [0.0, 1.0])
def test_who_is_sure_and_right_is_off_by_nothing_and_by_no_chance(sure: float) -> None:
    found = calibration_drift(np.full(300, sure), np.full(300, sure), then=0.0)
    assert (found.now, found.by_chance, found.verdict) == (0, 0, "steady")
    wrong = calibration_drift(np.full(300, 1 - sure), np.full(300, sure), then=0.0)
    assert (wrong.now, wrong.verdict) == (1, "drifted")


@pytest.mark.parametrize("then", [0.0, 0.3, 1.0])
def test_the_worse_it_was_the_less_it_has_drifted(then: float) -> None:
    labels, scores = np.zeros(1000), np.full(1000, 0.32)
    found = calibration_drift(labels, scores, then=then)
    assert found.verdict == ("drifted" if then == 0 else "steady")
    assert found.then == then
