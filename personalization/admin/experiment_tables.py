"""A metric in all arms, as a table and as a picture that says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from personalization.admin.experiment_charts import Bar, interval_chart, share_chart
from personalization.admin.experiment_numbers import (
    between,
    between_words,
    chance,
    change,
    level,
    number,
    signed,
    signed_number,
)
from personalization.admin.experiment_words import Names
from personalization.experiments.models import Measure
from personalization.experiments.results import (
    LEAST_UNITS,
    ArmFigures,
    Comparison,
    MetricResult,
    Result,
)

#: The colours that verdicts have in the admin.
VERDICTS: Mapping[str, str] = {
    "better": "fresh", "worse": "broken", "unclear": "pending", "too_few": "off",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """An arm by one metric; the first one has nothing beside it."""

    arm: str
    visitors: str
    level: str
    verdict: str = ""
    words: str = ""
    lift: str = ""
    between: str = ""
    chance: str = ""
    gained: str = ""
    gained_between: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A metric in all arms, with a picture of the same."""

    name: str
    role: str
    rows: Sequence[Row]
    chart: SafeString
    reduced_by: str


def table_of(n: int, metric: MetricResult, names: Names) -> Table:
    """Return the metric that stands at `n`, which tells its picture from others of the page."""
    compared = {one.arm: one for one in metric.comparisons}
    reduced = [one.reduced_by for one in metric.comparisons if one.reduced_by]
    return Table(
        name=metric.name,
        role=str(Measure.Role(metric.role).label) if metric.role in Measure.Role else "",
        rows=[_row(arm, compared.get(arm.arm), metric, names) for arm in metric.arms],
        chart=_chart(f"pz-metric-{n}", metric, names),
        reduced_by=change(max(reduced), signed=False) if reduced else "",
    )


def _row(arm: ArmFigures, found: Comparison | None, metric: MetricResult, names: Names) -> Row:
    row = partial(
        Row, arm=names.of(arm.arm), visitors=number(arm.units), level=level(arm.mean, metric.kind)
    )
    if found is None:
        return row(words=_("compared with"))
    if found.verdict == "too_few":
        missing = LEAST_UNITS - arm.units
        words = _("too few: %(n)s more") % {"n": missing} if missing > 0 else _("too few beside it")
        return row(verdict=VERDICTS["too_few"], words=words)
    return row(
        verdict=VERDICTS[found.verdict],
        words=verdict_words(found.verdict),
        lift=_more(found),
        between=between(found),
        chance=chance(found.chance_to_win),
        gained=signed_number(found.gained) if found.gained is not None else "",
        gained_between=between_words(found.gained_interval, signed_number)
        if found.gained_interval
        else "",
    )


def _more(found: Comparison) -> str:
    if found.lift is not None:
        return change(found.lift)
    return "" if found.difference is None else signed(found.difference)


def verdict_words(verdict: str) -> str:
    return {
        "better": _("better"),
        "worse": _("worse"),
        "unclear": _("not sure yet"),
        "too_few": _("too few"),
        "wrong": _("something is wrong"),
    }.get(verdict, verdict)


def _chart(name: str, metric: MetricResult, names: Names) -> SafeString:
    """Return how much each arm differs from the first; by lift where all have one."""
    shown = [one for one in metric.comparisons if one.verdict != "too_few"]
    by_lift = all(one.lift is not None and one.lift_interval is not None for one in shown)
    bars = []
    for one in shown:
        interval = one.lift_interval if by_lift else one.interval
        at = one.lift if by_lift else one.difference
        if interval is None or at is None:
            continue
        bars.append(
            Bar(
                label=names.of(one.arm), at=at, low=interval.low, high=interval.high,
                tone=one.verdict,
            )
        )  # fmt: skip
    title = _("“%(metric)s” beside %(control)s") % {
        "metric": metric.name,
        "control": names.of(metric.arms[0].arm) if metric.arms else "",
    }
    return interval_chart(name, bars, title=title, say=change if by_lift else signed)


def visitors_chart(result: Result | None, names: Names) -> SafeString:
    """Return how many visitors each arm has; nothing where there are none."""
    if result is None or not any(result.units):
        return SafeString("")
    pairs = [(names.of(arm), n) for arm, n in zip(result.arms, result.units, strict=True)]
    return share_chart("pz-visitors", pairs, title=_("Visitors in each arm"))
