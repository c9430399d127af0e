"""What is found about an experiment or a holdout: numbers alone, as JSON keeps them. Pure.

Everything that the admin, the API and exports tell of results is one of these, made by
`experiments.analysis` in the background and kept in a `Finding`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from personalization.types import JsonObject

#: Fewer visitors than these in an arm say nothing: no number is shown.
LEAST_UNITS = 100

Verdict = Literal["too_few", "unclear", "better", "worse"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`; None: without an end."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFigures:
    """What a metric is in one arm. `mean` is None where there are too few visitors."""

    arm: str
    units: int
    mean: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An arm beside the first one, by one metric.

    `interval` is always valid: one may look at it every day and stop when one likes. `fixed`
    is the usual one, right for a single look. All are of the difference of means; `lift` and
    `lift_interval` are shares of the first arm's mean, None where that is nothing. `gained` is
    the difference over all visitors of the arm, with its interval. Without enough visitors all
    numbers are None and the verdict is `too_few`.
    """

    arm: str
    verdict: Verdict
    difference: float | None = None
    interval: Interval | None = None
    lift: float | None = None
    lift_interval: Interval | None = None
    fixed: Interval | None = None
    p_value: float | None = None
    #: By Holm, over the arms.
    adjusted_p: float | None = None
    chance_to_win: float | None = None
    #: What is lost in the mean by choosing the arm although it is worse.
    risk: float | None = None
    gained: float | None = None
    gained_interval: Interval | None = None
    #: Share of the variance that what was known before took away (CUPED).
    reduced_by: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """One metric in all arms. `role` is that of the measure."""

    metric: str
    name: str
    kind: str
    role: str
    less_is_better: bool
    arms: tuple[ArmFigures, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why results are not to be trusted, or not yet. `code` is for programs."""

    code: str
    severity: Severity
    #: Numbers that the sentence about it names.
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All that is found about `subject` (see `Finding`), from events in [since, until)."""

    subject: str
    since: datetime
    until: datetime
    arms: tuple[str, ...]
    units: tuple[int, ...]
    #: p of the shares of visitors being as they should (χ²); None: nobody yet.
    shares_p: float | None
    problems: tuple[Problem, ...]
    metrics: tuple[MetricResult, ...]

    def to_json(self) -> JsonObject:
        told = asdict(self)
        told["since"], told["until"] = self.since.isoformat(), self.until.isoformat()
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Result:
        return cls(
            subject=told["subject"],
            since=datetime.fromisoformat(told["since"]),
            until=datetime.fromisoformat(told["until"]),
            arms=tuple(told["arms"]),
            units=tuple(told["units"]),
            shares_p=told["shares_p"],
            problems=tuple(Problem(**one) for one in told["problems"]),
            metrics=tuple(_metric(one) for one in told["metrics"]),
        )


def _metric(told: Mapping[str, Any]) -> MetricResult:
    return MetricResult(
        **{
            **told,
            "arms": tuple(ArmFigures(**one) for one in told["arms"]),
            "comparisons": tuple(_comparison(one) for one in told["comparisons"]),
        }
    )


def _comparison(told: Mapping[str, Any]) -> Comparison:
    intervals = {
        name: Interval(**told[name]) if told[name] is not None else None
        for name in ("interval", "lift_interval", "fixed", "gained_interval")
    }
    return Comparison(**{**told, **intervals})
