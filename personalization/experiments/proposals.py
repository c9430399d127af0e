"""What a site owner should do about what was found. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from personalization.experiments.models import Measure
from personalization.experiments.results import Comparison, MetricResult, Result
from personalization.experiments.statistics.corrections import holm
from personalization.types import JsonObject

#: Take a content away that loses; stop an experiment that does harm; show the better arm to all.
Code: TypeAlias = Literal["retire", "stop", "ship"]

#: As in every test here.
_ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What to do, about what (`Finding.subject`), and the numbers that say why."""

    code: Code
    subject: str
    values: Mapping[str, Any]

    def to_json(self) -> JsonObject:
        return {"code": self.code, "subject": self.subject, "values": dict(self.values)}


def proposals(*, running: Sequence[Result], holdouts: Sequence[Result]) -> list[Proposal]:
    """Return what is proposed of experiments that run, and of holdouts of single contents."""
    return [*_of_experiments(running), *_of_contents(holdouts)]


def _of_contents(holdouts: Iterable[Result]) -> list[Proposal]:
    """Propose to retire contents that lose by what decides, each beside its holdout.

    By Holm over all contents, so that a site whose contents all do nothing is hardly ever told
    to retire one of them, however many they are.
    """
    compared = [
        (result, metric, comparison)
        for result in holdouts
        if not _is_broken(result)
        for metric in _deciding(result)
        for comparison in metric.comparisons
        if comparison.p_value is not None
    ]
    adjusted = holm([one.p_value or 0.0 for _, _, one in compared])
    return [
        Proposal(code="retire", subject=result.subject, values=_values(metric, one, adjusted_p=p))
        for (result, metric, one), p in zip(compared, adjusted, strict=True)
        if one.verdict == "worse" and p < _ALPHA
    ]


def _of_experiments(running: Iterable[Result]) -> list[Proposal]:
    """Propose to stop what breaks a guardrail, or else to ship the arm that does best."""
    found = []
    for result in running:
        if harm := _harm(result):
            metric, one = harm
            found.append(Proposal(code="stop", subject=result.subject, values=_values(metric, one)))
        elif not _is_broken(result) and (best := _best(result)):
            metric, one = best
            found.append(Proposal(code="ship", subject=result.subject, values=_values(metric, one)))
    return found


def _harm(result: Result) -> tuple[MetricResult, Comparison] | None:
    for metric in result.metrics:
        if metric.role == Measure.Role.GUARDRAIL:
            for one in metric.comparisons:
                if one.verdict == "worse":
                    return metric, one
    return None


def _best(result: Result) -> tuple[MetricResult, Comparison] | None:
    """Return the arm that is better than the first by all that decides, and by the first
    metric that does, by most."""
    deciding = _deciding(result)
    if not deciding:
        return None
    winners = [
        {one.arm for one in metric.comparisons if one.verdict == "better"} for metric in deciding
    ]
    arms = set.intersection(*winners)
    metric = deciding[0]
    good = [one for one in metric.comparisons if one.arm in arms and one.difference is not None]
    if not good:
        return None
    sign = -1 if metric.less_is_better else 1
    return metric, max(good, key=lambda one: sign * (one.difference or 0.0))


def _deciding(result: Result) -> list[MetricResult]:
    return [one for one in result.metrics if one.role == Measure.Role.PRIMARY]


def _is_broken(result: Result) -> bool:
    """Return whether visitors were not divided as they should be, so that nothing follows."""
    return any(one.code in ("shares", "shares_within") for one in result.problems)


def _values(
    metric: MetricResult, one: Comparison, *, adjusted_p: float | None = None
) -> dict[str, Any]:
    interval, gained = one.interval, one.gained_interval
    return {
        "metric": metric.metric,
        "arm": one.arm,
        "difference": one.difference,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "lift": one.lift,
        "gained": one.gained,
        "gained_low": gained.low if gained else None,
        "gained_high": gained.high if gained else None,
        "p": one.adjusted_p if adjusted_p is None else adjusted_p,
    }
