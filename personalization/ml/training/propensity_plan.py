"""The plans of what is predicted: each active goal, and who stays away."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from personalization.events.goals import Goal
from personalization.ml.goal_events import PROPENSITY
from personalization.ml.training.plans import Plan, plan_sources

CHURN = "churn"
#: Whoever does not come back for so long has left.
AWAY = timedelta(days=30)


@plan_sources.register(PROPENSITY)
def propensity_plans() -> list[Plan]:
    return [
        Plan(
            name=f"{PROPENSITY}.{goal.slug}",
            algorithm="best",
            recipe="personalization.ml.training.propensity.learn",
            window=timedelta(days=90) + goal.within,
            purpose=_("How likely each visitor is to reach “%(goal)s” soon.") % {"goal": goal.name},
            event=goal.event,
        )
        for goal in Goal.objects.filter(is_active=True).order_by("slug")
    ]


@plan_sources.register(CHURN)
def churn_plans() -> list[Plan]:
    return [
        Plan(
            name=CHURN,
            algorithm="best",
            # Recency, frequency and worth in a straight line: trees add nothing to them.
            config={"candidates": "logistic"},
            recipe="personalization.ml.training.propensity.learn_churn",
            window=timedelta(days=180),
            purpose=_("How likely each visitor is to stay away for %(n)s days.") % {"n": AWAY.days},
        )
    ]
