"""Drift of columns, scores and calibration, without rows of the training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from personalization.ml.drift import (
    calibration_drift,
    drift,
    drifts,
    kinds_drift,
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
VALUES = st.lists(st.integers(-5, 5) | st.floats(-1e6, 1e6), min_size=2, max_size=60)


def rng(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


# -- KS --------------------------------------------------------------------------------------


@examples(40)
@given(VALUES, VALUES)
def test_the_ks_statistic_is_that_of_scipy(one: Any, other: Any) -> None:
    found = ks(np.array(one, float), np.array(other, float))
    assert found.statistic == pytest.approx(
        ks_2samp(one, other, method="asymp").statistic, abs=1e-12
    )
    assert 0 <= found.chance <= 1


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.05, 0.1, 0.3])
def test_the_chance_is_that_of_scipy_for_many_rows(shift: float) -> None:
    one, other = rng(1).normal(size=20_000), rng(2).normal(shift, size=15_000)
    expected = ks_2samp(one, other, method="asymp").pvalue
    assert ks(one, other).chance == pytest.approx(expected, abs=0.01)


def test_what_is_not_known_is_left_out_of_ks() -> None:
    values = np.array([1, NAN, 2, 3])
    assert ks(values, np.array([1, 2, 3, NAN, NAN])).statistic == pytest.approx(0)
    with pytest.raises(UnfitData, match="no values"):
        ks(values, np.array([NAN]))


@pytest.mark.parametrize(
    "values",
    [
        rng(4).integers(0, 5, 5000).astype(float),  # all of them cut points
        rng(5).exponential(size=5000),
    ],
)
def test_ks_of_references_is_that_of_their_rows(values: Any) -> None:
    now = values[::2] * np.where(rng(6).random(2500) < 0.3, 2, 1)
    then = reference_of(values)
    found, exact = ks_of(then, then.counted(now)), ks(values, now)
    assert found.statistic <= exact.statistic + 1e-12
    assert found.statistic == pytest.approx(exact.statistic, abs=0.011)
    assert found.chance >= exact.chance


def test_ks_of_references_that_cannot_be_compared_is_refused() -> None:
    one, other = reference_of(np.arange(100.0)), reference_of(np.arange(100.0) + 0.5)
    with pytest.raises(UnfitData, match="other cut points"):
        ks_of(one, other)
    with pytest.raises(UnfitData, match="other cut points"):
        psi(one, other)
    with pytest.raises(UnfitData, match="no values"):
        ks_of(one, one.counted(np.array([NAN])))


# -- PSI -------------------------------------------------------------------------------------


def test_psi_is_the_sum_over_groups() -> None:
    then = Reference(cuts=(0.0,), counts=(600, 400), missing=0)
    now = Reference(cuts=(0.0,), counts=(300, 700), missing=0)
    p, q = (600.5 / 1001, 400.5 / 1001), (300.5 / 1001, 700.5 / 1001)
    expected = sum((b - a) * np.log(b / a) for a, b in zip(p, q, strict=True))
    assert psi(then, now) == pytest.approx(expected)
    assert psi(now, then) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("counts", "groups"),
    [
        # A value that most have stands alone, and what is left over goes with its neighbour.
        ((5, 900, 5, 90), ((0,), (1,), (2, 3))),
        ((500, 490, 10), ((0,), (1, 2))),
        ((60, 60, 60, 820), ((0, 1), (2,), (3,))),
        ((50,) * 20, tuple((n, n + 1) for n in range(0, 20, 2))),
        ((1000,), ((0,),)),
        ((0, 1000), ((0,), (1,))),
    ],
)
def test_groups_have_about_a_tenth_of_the_rows(counts: Any, groups: Any) -> None:
    cuts = tuple(float(n) for n in range(len(counts) - 1))
    then = Reference(cuts=cuts, counts=counts, missing=0)
    now = Reference(cuts=cuts, counts=counts[::-1], missing=0)
    p, q = (
        np.array([sum(each[place] for place in group) + 0.5 for group in groups])
        for each in (counts, counts[::-1])
    )
    p, q = p / p.sum(), q / q.sum()
    assert psi(then, now) == pytest.approx(((q - p) * np.log(q / p)).sum())


def test_of_no_rows_everything_is_by_chance() -> None:
    then = reference_of(rng().normal(size=500))
    assert psi_by_chance(then, then.counted(np.empty(0))) == float("inf")


def test_what_is_not_known_any_more_is_drift() -> None:
    then = reference_of(rng().normal(size=2000))
    gone = rng().normal(size=2000)
    gone[:800] = NAN
    assert psi(then, then.counted(gone)) > 1
    assert psi(then.counted(gone), then) > 1
    assert drift("x", then, np.full(500, NAN)).verdict == "drifted"


def test_psi_is_over_ten_groups_of_as_many_rows() -> None:
    values = rng().normal(size=10_000)
    then = reference_of(values)
    edges = np.quantile(values, np.arange(1, 10) / 10)
    now = values * 1.3 + 0.2
    shares = [
        (np.bincount(np.searchsorted(edges, each), minlength=10) + 0.5) / (len(each) + 5)
        for each in (values, now)
    ]
    expected = ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum()
    assert psi(then, then.counted(now)) == pytest.approx(expected, rel=0.02)


def test_most_rows_of_one_value_do_not_hide_the_others() -> None:
    values = np.where(rng().random(5000) < 0.8, 0, rng(9).integers(1, 20, 5000)).astype(float)
    then = reference_of(values)
    now = np.where(values > 0, values + 15, 0)
    assert drift("x", then, now).verdict == "drifted"
    assert drift("x", then, values).verdict == "steady"


@pytest.mark.parametrize("n", [200, 1000, 20_000])
def test_psi_of_one_population_is_what_it_is_by_chance(n: int) -> None:
    found, expected = [], []
    for seed in range(30):
        one, other = rng(seed).normal(size=n), rng(1000 + seed).normal(size=n)
        then = reference_of(one)
        found.append(psi(then, then.counted(other)))
        expected.append(psi_by_chance(then, then.counted(other)))
    assert np.mean(found) == pytest.approx(np.mean(expected), rel=0.35)


# -- verdicts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.0, "steady"), (0.2, "steady"), (0.4, "moved"), (0.8, "drifted")]
)
@pytest.mark.parametrize("n", [300, 5000])
def test_a_shift_is_told_by_its_size_and_not_by_the_number_of_rows(
    shift: float, verdict: str, n: int
) -> None:
    # PSI of a normal shift is its square: 0.04, 0.16, 0.64.
    then = reference_of(rng(21).normal(size=5000))
    assert drift("x", then, rng(22).normal(shift, size=n)).verdict == verdict


def test_few_rows_of_one_population_have_not_moved() -> None:
    """Their PSI is often above the limit: so much of it is chance."""
    samples = [rng(seed).normal(size=(2, LEAST_ROWS)) for seed in range(60)]
    found = [drift("x", reference_of(one), other) for one, other in samples]
    assert sum(each.psi >= 0.1 for each in found) > 10
    assert sum(each.verdict != "steady" for each in found) <= 3


def test_too_few_rows_say_nothing() -> None:
    then = reference_of(rng().normal(size=5000))
    found = drift("x", then, rng().normal(9, size=LEAST_ROWS - 1))
    assert found.verdict == "unknown"
    assert found.sentence() == "“x”: 199 rows are too few to say, needs 200."
    few = reference_of(rng().normal(size=50))
    assert drift("x", few, rng().normal(size=5000)).verdict == "unknown"


def test_columns_are_compared_by_their_names() -> None:
    rows = np.column_stack([rng(1).normal(size=1000), rng(2).normal(size=1000)])
    then = references(rows, ["a", "b"])
    now = np.column_stack([rows[:, 1] + 2, rows[:, 0], np.zeros(1000)])
    found = drifts(then, now, ["b", "a", "new"])
    assert [(each.name, each.verdict) for each in found] == [("b", "drifted"), ("a", "steady")]
    assert worst(found) == "drifted"
    assert found[0].sentence().startswith("“b” is drifted (PSI ")
    with pytest.raises(UnfitData, match="no “b” here any more"):
        drifts(then, now[:, :1], ["a"])
    with pytest.raises(UnfitData, match="there are 1 columns"):
        drifts(then, now, ["a"])


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], "unknown"),
        (["unknown"], "unknown"),
        (["steady", "unknown"], "steady"),
        (["moved", "steady"], "moved"),
        (["moved", "drifted", "unknown"], "drifted"),
    ],
)
def test_the_worst_column_decides(verdicts: Any, expected: str) -> None:
    found = [ColumnDrift(name="x", rows=1, psi=0, ks=0, verdict=each) for each in verdicts]
    assert worst(found) == expected


# -- calibration -----------------------------------------------------------------------------


def said(n: int, *, off: float = 0.0, seed: int = 8) -> tuple[Any, Any]:
    scores = rng(seed).beta(1, 5, n)
    labels = (rng(seed + 1).random(n) < np.clip(scores + off, 0, 1)).astype(float)
    return labels, scores


@pytest.mark.parametrize(
    ("off", "verdict"), [(0.0, "steady"), (0.04, "moved"), (0.1, "drifted"), (-0.12, "drifted")]
)
def test_probabilities_that_are_true_no_more_are_told(off: float, verdict: str) -> None:
    labels, scores = said(20_000, off=off)
    assert calibration_drift(labels, scores, then=0.004).verdict == verdict


def test_what_was_as_wrong_before_is_no_drift() -> None:
    labels, scores = said(20_000, off=0.1)
    assert calibration_drift(labels, scores, then=0.1).verdict == "steady"


def test_few_rows_look_worse_than_they_are() -> None:
    errors = [calibration_drift(*said(400, seed=seed), then=0.0) for seed in range(0, 60, 2)]
    assert {each.verdict for each in errors} == {"steady"}
    assert np.mean([each.now for each in errors]) == pytest.approx(
        np.mean([each.by_chance for each in errors]), rel=0.25
    )


def test_calibration_of_too_few_rows_is_not_known() -> None:
    assert calibration_drift(*said(LEAST_ROWS - 1, off=0.5), then=0.0).verdict == "unknown"
    nothing = np.empty(0)
    assert calibration_drift(nothing, nothing, then=0.0).verdict == "unknown"
    with pytest.raises(UnfitData, match="3 labels have 2 scores"):
        calibration_drift(np.zeros(3), np.zeros(2), then=0.0)


# -- kinds -----------------------------------------------------------------------------------


def test_the_same_kinds_are_steady_in_any_order() -> None:
    kinds = ["view"] * 300 + ["cart"] * 100 + ["order"] * 20
    found = kinds_drift("kinds", kinds, kinds[::-1])
    assert (found.verdict, found.psi, found.ks) == ("steady", 0, 0)


def test_kinds_drift_is_the_sum_over_kinds() -> None:
    then, now = ["a"] * 300 + ["b"] * 100, ["a"] * 200 + ["b"] * 200
    found = kinds_drift("kinds", then, now)
    p, q = np.array([300.5, 100.5]) / 401, np.array([200.5, 200.5]) / 401
    assert found.psi == pytest.approx(float(((q - p) * np.log(q / p)).sum()))
    assert found.ks == pytest.approx(0.25)
    assert found.verdict == "drifted"


def test_a_kind_that_is_new_is_drift_and_a_rare_one_is_not() -> None:
    then = ["known"] * 1000
    assert kinds_drift("items", then, ["known"] * 900 + ["new"] * 100).verdict == "drifted"
    assert kinds_drift("items", then, ["known"] * 995 + ["new"] * 5).verdict == "steady"


def test_kinds_that_hardly_anything_is_of_are_one() -> None:
    draw = rng(1)
    then, now = ([f"k{n}" for n in draw.zipf(1.5, 3000)] for _ in range(2))
    assert kinds_drift("kinds", then, now).verdict == "steady"


@pytest.mark.parametrize(("n", "m"), [(LEAST_ROWS - 1, 500), (500, 0), (0, 0)])
def test_of_few_things_nothing_is_said_of_kinds(n: int, m: int) -> None:
    found = kinds_drift("kinds", ["a"] * n, ["b"] * m)
    assert (found.verdict, found.rows) == ("unknown", min(n, m))


@examples(40)
@given(st.lists(st.sampled_from("abcdefghijklmno"), min_size=200, max_size=400))
def test_samples_of_one_population_are_steady(values: list[str]) -> None:
    draw = rng(5)
    one, other = (draw.choice(values, 4000).tolist() for _ in range(2))
    assert kinds_drift("kinds", one, other).verdict == "steady"
