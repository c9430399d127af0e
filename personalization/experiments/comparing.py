"""Arms beside the first one, by one metric: from samples to what is told. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from personalization.experiments.measuring import Measured
from personalization.experiments.results import (
    LEAST_UNITS,
    ArmFigures,
    Comparison,
    Interval,
    MetricResult,
    Verdict,
)
from personalization.experiments.statistics.bayesian import posterior
from personalization.experiments.statistics.corrections import holm
from personalization.experiments.statistics.effects import Estimate, effect_of
from personalization.experiments.statistics.frequentist import welch
from personalization.experiments.statistics.samples import Sample
from personalization.experiments.statistics.sequential import always_valid
from personalization.experiments.statistics.steady import steady

ALPHA: Final = 0.05


def metric_result(measured: Measured, arms: Sequence[str]) -> MetricResult:
    """Return what is told of a metric; of arms with fewer than `LEAST_UNITS`, no number."""
    metric, control = measured.metric, measured.samples[0]
    is_known = [amount > 0 for amount in measured.amounts]
    compared = [
        _comparison(arm, control, sample, amount=amount, less_is_better=metric.less_is_better)
        if is_known[0] and amount > 0 or min(control.n, sample.n) < LEAST_UNITS
        else Comparison(arm=arm, verdict="unclear")  # nothing to be divided by
        for arm, sample, amount in zip(
            arms[1:], measured.samples[1:], measured.amounts[1:], strict=True
        )
    ]
    return MetricResult(
        metric=metric.slug,
        name=metric.name,
        kind=metric.kind,
        role=measured.role,
        less_is_better=metric.less_is_better,
        arms=tuple(
            ArmFigures(
                arm=arm,
                units=sample.n,
                mean=sample.unadjusted.mean if known and sample.n >= LEAST_UNITS else None,
            )
            for arm, sample, known in zip(arms, measured.samples, is_known, strict=True)
        ),
        comparisons=tuple(_adjusted(compared, less_is_better=metric.less_is_better)),
    )


def _comparison(
    arm: str, control: Sample, treatment: Sample, *, amount: float, less_is_better: bool
) -> Comparison:
    if min(control.n, treatment.n) < LEAST_UNITS:
        return Comparison(arm=arm, verdict="too_few")
    arms = steady(control, treatment)
    found, single = always_valid(*arms), welch(control, treatment)
    if not found.known:  # nobody differs from anybody
        return Comparison(arm=arm, verdict="unclear", difference=treatment.mean - control.mean)
    lift = always_valid(*arms, relative=True)
    belief = posterior(*arms, less_is_better=less_is_better)
    return Comparison(
        arm=arm,
        verdict="unclear",
        difference=found.effect,
        interval=_interval(found),
        lift=lift.effect if lift.known else None,
        lift_interval=_interval(lift) if lift.known else None,
        fixed=_interval(single if single.known else welch(*arms)),
        p_value=found.p_value,
        chance_to_win=belief.chance_to_win,
        risk=belief.risk,
        gained=found.effect * amount,
        gained_interval=_interval(found, times=amount),
        reduced_by=_reduced_by(control, treatment),
    )


def _adjusted(compared: Sequence[Comparison], *, less_is_better: bool) -> list[Comparison]:
    """Return the comparisons with p by Holm over the arms, and the verdict that follows."""
    ps = [one.p_value for one in compared if one.p_value is not None]
    adjusted = iter(holm(ps))
    done = []
    for one in compared:
        if one.p_value is None:
            done.append(one)
            continue
        p = next(adjusted)
        verdict = _verdict(one.interval, p, less_is_better=less_is_better)
        done.append(replace(one, adjusted_p=p, verdict=verdict))
    return done


def _verdict(interval: Interval | None, adjusted_p: float, *, less_is_better: bool) -> Verdict:
    """Return what the always valid interval says, if it still does beside the other arms."""
    if interval is None or adjusted_p >= ALPHA:
        return "unclear"
    if interval.low is not None and interval.low > 0:
        return "worse" if less_is_better else "better"
    if interval.high is not None and interval.high < 0:
        return "better" if less_is_better else "worse"
    return "unclear"


def _reduced_by(control: Sample, treatment: Sample) -> float | None:
    """Return the share of the variance of the difference that CUPED took away."""
    if control.unadjusted is control and treatment.unadjusted is treatment:
        return None
    left = effect_of(control, treatment)
    whole = effect_of(control.unadjusted, treatment.unadjusted)
    if left is None or whole is None:
        return None
    return 1 - (left.error / whole.error) ** 2


def _interval(estimate: Estimate, *, times: float = 1.0) -> Interval:
    ends = (end * times if times else 0.0 for end in (estimate.low, estimate.high))
    low, high = (end if math.isfinite(end) else None for end in ends)
    return Interval(low, high)
