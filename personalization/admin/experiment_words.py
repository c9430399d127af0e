"""What is found about an experiment, in sentences that a site owner understands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from personalization.admin.experiment_numbers import between, change, number, plain
from personalization.experiments.models import Measure, Metric
from personalization.experiments.results import (
    LEAST_UNITS,
    Comparison,
    MetricResult,
    Result,
)

#: How a headline looks: something was found, nothing is yet, or something is wrong.
Tone: TypeAlias = Literal["better", "worse", "unclear", "too_few", "wrong"]
#: Told as an error, but it is a result as good as the others.
_RESULTS: Final = frozenset({"guardrail"})
_Kind = Metric.Kind


@dataclass(frozen=True, slots=True)
class Headline:
    """The one sentence, and what follows from it."""

    tone: Tone
    sentence: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """What people call arms, by their keys."""

    arms: Mapping[str, str]

    def of(self, arm: str) -> str:
        return self.arms.get(arm) or arm


def is_trusted(result: Result) -> bool:
    """Return whether its numbers may be shown as results."""
    return not any(one.severity == "error" and one.code not in _RESULTS for one in result.problems)


def primary_of(result: Result) -> MetricResult | None:
    """Return the metric that decides: of several the first."""
    deciding = (one for one in result.metrics if one.role == Measure.Role.PRIMARY)
    return next(deciding, None)


def headline(result: Result | None, names: Names, *, running: bool, now: datetime) -> Headline:
    """Return what is to be known in one sentence. Pure."""
    if result is None:
        words = _("Nothing is counted yet.")
        return Headline("too_few", words, _("Results come within some minutes of the first visitors."))  # fmt: skip
    if not is_trusted(result):
        words = _("The numbers cannot be trusted: something is wrong, see below.")
        return Headline("wrong", words, _("Mend it, or stop the experiment and start a new one."))
    metric = primary_of(result)
    if metric is None or not metric.comparisons:
        return Headline("too_few", _("Nothing can be said: no metric decides."))
    if (few := _too_few(result, metric, names)) is not None:
        return few
    found = _most_telling(metric)
    days = max(1, (min(result.until, now) - result.since).days)
    told = _told(found, metric, names, days=days, running=running)
    if not any(one.code == "guardrail" for one in result.problems):
        return told
    harm = _("But something got worse that must not, see below.")
    return Headline("worse", told.sentence, f"{harm} {_('Stop it.')}" if running else harm)


def _too_few(result: Result, metric: MetricResult, names: Names) -> Headline | None:
    """Return the headline where no arm can be compared; the arm is named that lacks most."""
    if any(one.verdict != "too_few" for one in metric.comparisons):
        return None
    arm, units = min(zip(result.arms, result.units, strict=True), key=lambda pair: pair[1])
    words = _("Nothing can be said yet: %(n)s of at least %(least)s visitors in %(arm)s.")
    told = {"n": number(units), "least": LEAST_UNITS, "arm": names.of(arm)}
    return Headline("too_few", words % told)


def _most_telling(metric: MetricResult) -> Comparison:
    """Return the best of the better ones, else one that is unclear, else the one that is worst."""
    order = {"better": 0, "unclear": 1, "worse": 2, "too_few": 3}
    sign = -1 if metric.less_is_better else 1
    return min(
        metric.comparisons,
        key=lambda one: (order[one.verdict], -sign * (one.difference or 0.0)),
    )


def _told(
    found: Comparison, metric: MetricResult, names: Names, *, days: int, running: bool
) -> Headline:
    told = {
        "arm": names.of(found.arm),
        "control": names.of(metric.arms[0].arm),
        "metric": metric.name,
        "by": _by(found),
        "between": between(found),
        "days": ngettext("%(n)s day", "%(n)s days", days) % {"n": number(days)},
    }
    if found.verdict == "unclear":
        words = _(
            "No difference is sure yet after %(days)s: “%(metric)s” of %(arm)s is %(between)s "
            "beside %(control)s."
        )
        advice = _("Let it run on.") if running else ""
        return Headline("unclear", words % told, advice)
    higher = (found.difference or 0) > 0
    if metric.kind == _Kind.VALUE:
        words = (
            _("%(arm)s earns %(by)s more than %(control)s (%(between)s).")
            if higher
            else _("%(arm)s earns %(by)s less than %(control)s (%(between)s).")
        )
    elif found.verdict == "better":
        words = (
            _("%(arm)s does better than %(control)s: “%(metric)s” is %(by)s higher (%(between)s).")
            if higher
            else _("%(arm)s does better than %(control)s: “%(metric)s” is %(by)s lower (%(between)s).")
        )  # fmt: skip
    else:
        words = (
            _("%(arm)s does worse than %(control)s: “%(metric)s” is %(by)s higher (%(between)s).")
            if higher
            else _("%(arm)s does worse than %(control)s: “%(metric)s” is %(by)s lower (%(between)s).")
        )  # fmt: skip
    advice = ""
    if running:
        sure = _("After %(days)s that is sure, however often you looked: you may stop.") % told
        advice = sure if found.verdict == "better" else f"{sure} {_keep(told)}"
    return Headline("better" if found.verdict == "better" else "worse", words % told, advice)


def _keep(told: Mapping[str, str]) -> str:
    return _("Keep %(control)s.") % told


def _by(found: Comparison) -> str:
    if found.lift is not None:
        return change(abs(found.lift), signed=False)
    return plain(abs(found.difference or 0.0))
