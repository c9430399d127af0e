"""A word about metrics whose events do not come: they would stay at nothing for ever."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib import messages
from django.db import OperationalError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from personalization.admin.bounded import bounded
from personalization.admin.wording import instant_words
from personalization.events.goals import Goal
from personalization.experiments.heard import DAYS, Heard, heard_of
from personalization.experiments.models import Experiment, Metric

#: What takes longer is not told: nothing is wrong with an experiment for that.
_MILLISECONDS = 1000


def silent_goals(goals: Iterable[Goal], *, now: datetime) -> list[str]:
    """Return a sentence for each goal of which no event came of late."""
    wanted = {goal.pk: goal for goal in goals}
    try:
        with bounded(_MILLISECONDS):
            heard = heard_of(wanted.values(), now=now)
    except OperationalError:
        return []
    return [
        _sentence(goal, found)
        for goal in wanted.values()
        if not (found := heard.get(goal.event, Heard())).n
    ]


def goals_of(metrics: Iterable[Metric]) -> list[Goal]:
    """Return the goals that metrics count, read along with them."""
    return [goal for metric in metrics for goal in (metric.goal, metric.per) if goal is not None]


def warn_of_silence(request: HttpRequest, experiment: Experiment, *, now: datetime) -> None:
    """Say of which goals of an experiment no event comes."""
    measures = experiment.measures.select_related("metric__goal", "metric__per")
    for sentence in silent_goals(goals_of(one.metric for one in measures), now=now):
        messages.warning(request, sentence)


def _sentence(goal: Goal, heard: Heard) -> str:
    told = {"goal": goal.name, "event": goal.event, "days": DAYS}
    if heard.last is None:
        words = _(
            "No “%(event)s” ever came, so “%(goal)s” stays at nothing. Names count with their "
            "capitals: is it written as clients send it?"
        )
        return words % told
    words = _("No “%(event)s” came in the last %(days)s days, so “%(goal)s” stays at nothing; the last was on %(at)s.")  # fmt: skip
    return words % {**told, "at": instant_words(heard.last)}
