"""How long an experiment takes: by what visitors do now, and the least lift that is worth it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db import OperationalError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from personalization.admin.bounded import bounded
from personalization.admin.experiment_fields import PercentField
from personalization.admin.experiment_numbers import number
from personalization.events.models import Event
from personalization.experiments.models import Experiment, Measure
from personalization.experiments.statistics.planning import (
    UnfitPlan,
    days_needed,
    detectable,
    units_needed,
)

#: So far back the log is looked at, in days.
DAYS = 28
#: What takes longer is left for people to say: the form is there for more.
_MILLISECONDS = 1500
#: A plan for longer than this is better not begun.
_LONG = 60
_USUAL_LIFT = 0.1


@dataclass(frozen=True, slots=True)
class Now:
    """What the log says of the last `DAYS` days; None where it does not."""

    visitors: int = 0
    reached: int | None = None

    @property
    def per_day(self) -> float | None:
        return round(self.visitors / DAYS, 1) if self.visitors else None

    @property
    def rate(self) -> float | None:
        if not self.visitors or not self.reached:
            return None
        return min(self.reached / self.visitors, 0.999)


class PlannerForm(forms.Form):
    """What a plan is made of; begun with what the log says."""

    rate = PercentField(
        label=gettext_lazy("Reach the goal now (%)"), least=0.001, most=99.99, required=False
    )
    per_day = forms.FloatField(
        label=gettext_lazy("Visitors a day"),
        min_value=0.1,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any", "min": "0.1"}),
    )
    lift = PercentField(
        label=gettext_lazy("Least lift worth noticing (%)"),
        least=0.1,
        most=1000,
        required=False,
        help_text=gettext_lazy("10 % makes of 3.0 % that reach the goal 3.3 %."),
    )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The form, what the log says, and the sentence that follows; empty where nothing does."""

    form: PlannerForm
    known: str
    sentence: str
    hint: str
    problem: str


def plan(experiment: Experiment, asked: Mapping[str, Any], *, now: datetime) -> Plan:
    """Return the plan for what is asked; what is not comes from the log."""
    log = counted(experiment, now=now)
    usual = {"rate": log.rate, "per_day": log.per_day, "lift": _USUAL_LIFT}
    names = [name for name in PlannerForm.base_fields if name in asked]
    form = PlannerForm(asked, initial=usual) if names else PlannerForm(initial=usual)
    values = form.cleaned_data if form.is_bound and form.is_valid() else usual
    sentence, hint, problem = "", "", ""
    if not form.errors:
        sentence, hint, problem = _said(experiment, values)
    return Plan(form=form, known=_known(log), sentence=sentence, hint=hint, problem=problem)


def counted(experiment: Experiment, *, now: datetime) -> Now:
    """Return how many visitors there were, and how many of them reached the goal of the metric
    that decides (two queries)."""
    deciding = experiment.measures.filter(role=Measure.Role.PRIMARY).select_related("metric__goal")
    measure = deciding.order_by("pk").first()
    recent = Event.objects.filter(timestamp__gte=now - timedelta(days=DAYS), timestamp__lte=now)
    people = recent.order_by().values("identity__profile")
    goal = measure.metric.goal if measure is not None else None
    try:
        with bounded(_MILLISECONDS):
            visitors = people.distinct().count()
            if goal is None:
                return Now(visitors)
            return Now(visitors, people.filter(name=goal.event).distinct().count())
    except OperationalError:
        return Now()


def _known(log: Now) -> str:
    if not log.visitors:
        return _("The log says nothing of the last %(days)s days: type what you know.") % {
            "days": DAYS
        }
    told = {"n": number(log.visitors), "days": DAYS}
    if log.reached is None:
        return _("Visitors in the last %(days)s days: %(n)s.") % told
    told["reached"] = number(log.reached)
    return _("Visitors in the last %(days)s days: %(n)s; %(reached)s of them reached the goal.") % told  # fmt: skip


def _said(experiment: Experiment, values: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the sentence, what else is to be known, and what keeps it from being said."""
    rate, per_day, lift = values["rate"], values["per_day"], values["lift"]
    if not (rate and per_day and lift):
        return "", "", _("Say all three, and it is told how long it takes.")
    arms = max(2, experiment.arms.count())
    try:
        units = units_needed(rate, lift, arms=arms, sequential=True)
    except UnfitPlan:
        return "", "", _("So much more than now is not possible: choose a smaller lift.")
    days = days_needed(units, per_day, experiment.coverage, arms=arms)
    if days is None:
        return "", "", _("Nobody takes part: raise the share of visitors.")
    words = ngettext(
        "%(units)s visitors in each of %(arms)s arms: %(days)s day.",
        "%(units)s visitors in each of %(arms)s arms: %(days)s days.",
        days,
    )
    sentence = words % {"units": number(units), "arms": arms, "days": number(days)}
    return sentence, _hint(days, rate, per_day * experiment.coverage / arms, arms), ""


def _hint(days: int, rate: float, each_day: float, arms: int) -> str:
    """Return what could be found in four weeks, where the plan takes too long."""
    if days <= _LONG:
        return _("With such a difference, 4 of 5 experiments find it by then, however often you look.")  # fmt: skip
    least = detectable(rate, each_day * DAYS, arms=arms, sequential=True)
    if least is None:
        return _("That is too long. Take a goal that more visitors reach.")
    told = {"days": DAYS, "lift": f"{100 * least:.0f} %"}
    return _("That is long. In %(days)s days a lift of %(lift)s could be found.") % told
