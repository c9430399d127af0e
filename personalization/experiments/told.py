"""Results as they are told: as JSON in the names of the API, and as the rows of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

from personalization.experiments.models import Finding
from personalization.experiments.results import (
    ArmFigures,
    Comparison,
    Interval,
    MetricResult,
    Result,
)
from personalization.types import JsonObject

#: Columns of a CSV file; a row is an arm by a metric.
COLUMNS: Final = (
    "subject", "since", "until", "metric", "name", "kind", "role", "arm", "units", "mean", "verdict",
    "difference", "low", "high", "lift", "lift_low", "lift_high", "fixed_low", "fixed_high",
    "p_value", "adjusted_p", "chance_to_win", "risk", "gained", "gained_low", "gained_high",
    "reduced_by",
)  # fmt: skip
#: A spreadsheet takes what begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def result_in(finding: Finding | None) -> Result | None:
    """Return what a finding says; None where it says nothing, or what no version of ours wrote."""
    if finding is None or "metrics" not in finding.content:
        return None
    try:
        return Result.from_json(finding.content)
    except (KeyError, TypeError, ValueError):
        return None


def told(finding: Finding | None) -> JsonObject:
    """Return a finding as the API tells it; of what was not computed yet, nothing."""
    if finding is None:
        return {"computedAt": None, "error": "", "result": None}
    result = result_in(finding)
    return {
        "computedAt": finding.computed_at.isoformat(),
        "error": finding.error,
        "result": told_result(result) if result else None,
    }


def told_result(result: Result) -> JsonObject:
    return {
        "subject": result.subject,
        "since": result.since.isoformat(),
        "until": result.until.isoformat(),
        "arms": [
            {"key": arm, "units": n} for arm, n in zip(result.arms, result.units, strict=True)
        ],
        "sharesP": result.shares_p,
        "problems": [
            {"code": one.code, "severity": one.severity, "values": dict(one.values)}
            for one in result.problems
        ],
        "metrics": [_metric(one) for one in result.metrics],
    }


def _metric(metric: MetricResult) -> JsonObject:
    return {
        "metric": metric.metric,
        "name": metric.name,
        "kind": metric.kind,
        "role": metric.role,
        "lessIsBetter": metric.less_is_better,
        "arms": [{"arm": one.arm, "units": one.units, "mean": one.mean} for one in metric.arms],
        "comparisons": [_comparison(one) for one in metric.comparisons],
    }


def _comparison(one: Comparison) -> JsonObject:
    return {
        "arm": one.arm,
        "verdict": one.verdict,
        "difference": one.difference,
        "interval": _interval(one.interval),
        "lift": one.lift,
        "liftInterval": _interval(one.lift_interval),
        "fixedInterval": _interval(one.fixed),
        "pValue": one.p_value,
        "adjustedP": one.adjusted_p,
        "chanceToWin": one.chance_to_win,
        "risk": one.risk,
        "gained": one.gained,
        "gainedInterval": _interval(one.gained_interval),
        "reducedBy": one.reduced_by,
    }


def _interval(interval: Interval | None) -> JsonObject | None:
    return None if interval is None else {"low": interval.low, "high": interval.high}


# -- CSV -------------------------------------------------------------------------------------


def csv_of(results: Iterable[Result]) -> str:
    """Return results as a CSV file (RFC 4180): a row for each arm by each metric."""
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, restval="")
    writer.writeheader()
    for result in results:
        for metric in result.metrics:
            for row in _rows(result, metric):
                writer.writerow({name: _cell(value) for name, value in row.items()})
    return written.getvalue()


def _rows(result: Result, metric: MetricResult) -> Iterator[dict[str, Any]]:
    compared = {one.arm: one for one in metric.comparisons}
    for arm in metric.arms:
        yield {
            "subject": result.subject,
            "since": result.since.isoformat(),
            "until": result.until.isoformat(),
            "metric": metric.metric,
            "name": metric.name,
            "kind": metric.kind,
            "role": metric.role,
            **_figures(arm, compared.get(arm.arm)),
        }


def _figures(arm: ArmFigures, one: Comparison | None) -> dict[str, Any]:
    figures: dict[str, Any] = {"arm": arm.arm, "units": arm.units, "mean": arm.mean}
    if one is None:
        return figures
    for name in (
        "verdict", "difference", "lift", "p_value", "adjusted_p", "chance_to_win", "risk",
        "gained", "reduced_by",
    ):  # fmt: skip
        figures[name] = getattr(one, name)
    for prefix, interval in (
        ("", one.interval), ("lift_", one.lift_interval), ("fixed_", one.fixed),
        ("gained_", one.gained_interval),
    ):  # fmt: skip
        if interval is not None:
            figures[f"{prefix}low"], figures[f"{prefix}high"] = interval.low, interval.high
    return figures


def _cell(value: Any) -> Any:
    """Return a value as a cell; a text that a spreadsheet would compute is marked as one."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
