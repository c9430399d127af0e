"""What GrowthBook's engine (gbstats 0.8.0, MIT) answered in its own tests, as our samples.

The records are not part of this repository: they are read from the folder beside it, where there
is one. Left out are those of what we do not have: quantiles, strata that are weighed together,
and bandits, which are tested where bandits are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

from personalization.experiments.statistics.adjusted_ratios import (
    AdjustedRatio,
    Products,
    theta_of_ratios,
)
from personalization.experiments.statistics.effects import Sided
from personalization.experiments.statistics.samples import (
    Adjusted,
    Mean,
    Plain,
    Proportion,
    Ratio,
    Sample,
    pooled_theta,
)

RECORDS = Path(__file__).parents[4] / "shared" / "data" / "vectors" / "gbstats" / "recorded.json"

S = TypeVar("S", bound=Sample)
Told = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One question to the engine, and its answer (`result`)."""

    name: str
    kind: str
    control: Sample
    treatment: Sample
    relative: bool
    alpha: float
    tuning: float
    theta: float | None
    settings: Told
    result: Told

    @property
    def sided(self) -> Sided:
        if "Greater" in self.kind:
            return "greater"
        return "less" if "Lesser" in self.kind else "two"

    @property
    def says_nothing(self) -> bool:
        return bool(self.result["errorMessage"])


def records(kind: str) -> Iterator[Record]:
    """Yield the records whose class has `kind` in its name and that are not left out."""
    for number, told in enumerate(json.loads(RECORDS.read_text())["cases"]):
        if kind in told["class"] and not _is_left_out(told):
            yield _record(number, told)


def _settings(told: Told) -> Told:
    found = told["args"][1] if len(told["args"]) > 1 else told["kwargs"].get("config")
    return found or {}


def _is_left_out(told: Told) -> bool:
    if told["class"] == "BanditsSimple" or "Quantile" in json.dumps(told["args"][0]):
        return True
    return bool(_settings(told).get("post_stratify")) and len(told["args"][0]) > 1


def _record(number: int, told: Told) -> Record:
    arms = zip(*told["args"][0], strict=True)
    control, treatment, theta = adjusted(*(reduce(added, map(sample, arm)) for arm in arms))
    return Record(
        name=f"{number} {told['test'].rpartition('.')[2]}",
        kind=told["class"],
        control=control,
        treatment=treatment,
        relative=told["extra"]["relative"],
        alpha=told["extra"]["alpha"],
        tuning=told["extra"].get("sequential_tuning_parameter", 5000),
        theta=told["extra"]["theta"],
        settings=_settings(told),
        result=told["result"],
    )


def adjusted(control: S, treatment: S) -> tuple[S, S, float | None]:
    """Return both with the theta that they have together, and that; None where nothing is."""
    pair = (control, treatment)
    if isinstance(control, Adjusted):
        theta = pooled_theta(one for one in pair if isinstance(one, Adjusted))
    elif isinstance(control, AdjustedRatio):
        theta = theta_of_ratios(one for one in pair if isinstance(one, AdjustedRatio))
    else:
        return control, treatment, None
    changed: list[Any] = [replace(one, theta=theta) for one in pair]
    return changed[0], changed[1], theta


def added(one: Any, other: Any) -> Any:
    """Return the sample of the units of both: sums of what samples are sums of."""
    if not is_dataclass(one):
        return one + other
    names = [each.name for each in fields(one)]
    return type(one)(*(added(getattr(one, name), getattr(other, name)) for name in names))


def sample(told: Told) -> Sample:
    kind, n = told["_type"], told["n"]
    if kind == "RatioStatistic":
        return _ratio(n, told["m_statistic"], told["d_statistic"], told["m_d_sum_of_products"])
    if kind == "RegressionAdjustedStatistic":
        after, before = _plain(told["post_statistic"]), _plain(told["pre_statistic"])
        return Adjusted(after, before, told["post_pre_sum_of_products"], 0.0)
    if kind == "RegressionAdjustedRatioStatistic":
        return _adjusted_ratio(n, told)
    return _plain(told)


def _plain(told: Told) -> Plain:
    if told["_type"] == "ProportionStatistic":
        return Proportion(told["n"], told["sum"])
    return Mean(told["n"], told["sum"], told["sum_squares"])


def _ratio(n: int, above: Told, below: Told, product: float) -> Ratio:
    sums: Sequence[float] = [each[name] for each in (above, below) for name in _SUMS]
    return Ratio(n, *sums, product=product)


_SUMS = ("sum", "sum_squares")


def _adjusted_ratio(n: int, told: Told) -> AdjustedRatio:
    after, before = (
        _ratio(
            n,
            told[f"m_statistic_{when}"],
            told[f"d_statistic_{when}"],
            told[f"m_{when}_d_{when}_sum_of_products"],
        )
        for when in ("post", "pre")
    )
    names = ("m_post_m_pre", "m_post_d_pre", "m_pre_d_post", "d_post_d_pre")
    products = Products(*(told[f"{name}_sum_of_products"] for name in names))
    return AdjustedRatio(after, before, products, 0.0)
