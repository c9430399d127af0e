"""A version serves by itself only if it is better than what costs nothing, and not worse."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.training.promote import TOLERANCE, Trial, judged, refusal
from tests.effort import examples

TRIAL = Trial(metric="ndcg_20", value=0.30, baseline=0.20, serving=0.30, n=1200)
figures = st.floats(0.01, 1.0)


def test_what_is_better_than_both_may_serve() -> None:
    verdict = judged(replace(TRIAL, value=0.31))
    assert (verdict.may_serve, verdict.remarks) == (True, ())


@pytest.mark.parametrize(("value", "may"), [(0.2941, True), (0.2939, False)])
def test_two_percent_below_what_serves_is_within_the_noise(value: float, may: bool) -> None:
    assert judged(replace(TRIAL, value=value)).may_serve is may


def test_what_is_worse_is_told_in_figures() -> None:
    (remark,) = judged(replace(TRIAL, value=0.25)).remarks
    assert remark == (
        "It is worse than the version that serves by more than 2%: NDCG@20 0.2500 beside "
        "0.3000, in 1,200 cases."
    )


@pytest.mark.parametrize("value", [0.2, 0.1])
def test_what_is_not_better_than_popularity_does_not_serve(value: float) -> None:
    verdict = judged(replace(TRIAL, value=value, serving=None))
    assert not verdict.may_serve
    assert "not better than popularity: NDCG@20" in verdict.remarks[0]


def test_both_reasons_are_told() -> None:
    assert len(judged(replace(TRIAL, value=0.1)).remarks) == 2


def test_the_first_version_has_nothing_to_be_compared_with_but_the_baseline() -> None:
    assert judged(replace(TRIAL, serving=None)).may_serve
    assert judged(replace(TRIAL, serving=None, baseline=None)).may_serve


def test_of_a_loss_the_lower_is_the_better() -> None:
    loss = replace(
        TRIAL, metric="brier", value=0.1, baseline=0.13, serving=0.099, lower_is_better=True
    )
    assert judged(loss).may_serve
    assert not judged(replace(loss, value=0.102)).may_serve
    (remark,) = judged(
        replace(loss, value=0.14, baseline_name="the base rate", serving=None)
    ).remarks
    assert "not better than the base rate" in remark


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_figure_never_serves(value: float) -> None:
    for trial in (replace(TRIAL, value=value), replace(TRIAL, value=value, lower_is_better=True)):
        assert not judged(trial).may_serve
        assert any(str(value) in remark for remark in judged(trial).remarks)


def test_what_was_not_validated_does_not_serve_by_itself() -> None:
    assert not judged(None).may_serve
    assert not judged(replace(TRIAL, n=0)).may_serve
    assert "nothing to validate" in judged(replace(TRIAL, n=0)).remarks[0]


@examples(60)
@given(value=figures, baseline=figures, serving=figures)
def test_who_may_serve_has_no_remark_and_who_may_not_has_one(
    value: float, baseline: float, serving: float
) -> None:
    trial = replace(TRIAL, value=value, baseline=baseline, serving=serving)
    verdict = judged(trial)
    assert verdict.may_serve is not bool(verdict.remarks)
    assert verdict.may_serve is (value > baseline and value >= serving - TOLERANCE * serving)


@examples(60)
@given(value=figures, better=figures)
def test_a_better_figure_never_loses_the_right_to_serve(value: float, better: float) -> None:
    low, high = sorted((value, better))
    if judged(replace(TRIAL, value=low)).may_serve:
        assert judged(replace(TRIAL, value=high)).may_serve


# -- from what was kept ------------------------------------------------------------------


def kept(trial: Trial) -> dict[str, float]:
    """Return the figures that are kept of a trial."""
    others = {trial.baseline_name: trial.baseline, "serving": trial.serving}
    beside = {f"{who}.{trial.metric}": value for who, value in others.items() if value is not None}
    return {trial.metric: trial.value, **beside, "cases": float(trial.n), "coverage": 0.5}


@pytest.mark.parametrize("value", [0.1, 0.2, 0.25, 0.2939, 0.2941, 0.5])
@pytest.mark.parametrize("serving", [None, 0.3])
def test_why_it_was_refused_can_be_told_of_its_figures(value: float, serving: float | None) -> None:
    trial = replace(TRIAL, value=value, serving=serving)
    assert refusal(metrics=kept(trial), remarks=()) == judged(trial).remarks


def test_a_baseline_goes_by_its_name_in_a_sentence() -> None:
    trial = replace(TRIAL, metric="agreement", value=0.8, baseline=0.9, baseline_name="stable")
    (remark,) = refusal(metrics=kept(replace(trial, serving=None)), remarks=())
    assert "not better than what counts as stable: agreement 0.8000 beside 0.9000" in remark


def test_of_what_has_no_figures_the_last_remark_says_why() -> None:
    remarks = ("“visits” was left out.", "Its NDCG@20 is nan, which is no figure to compare.")
    assert refusal(metrics={}, remarks=remarks) == (remarks[1],)
    (remark,) = refusal(metrics={}, remarks=())
    assert "was not validated" in remark


def test_no_cases_are_no_proof() -> None:
    (remark,) = refusal(metrics=kept(replace(TRIAL, value=0.5, n=0)), remarks=())
    assert "nothing to validate it on" in remark


def test_what_was_not_validated_is_refused_for_that_whatever_its_figures_are() -> None:
    remarks = ("A column was left out.", "Nothing leads to the goal.", *judged(None).remarks)
    assert (
        refusal(metrics={"next_step": 0.8, "usual.next_step": 0.5}, remarks=remarks) == remarks[1:]
    )
