"""The plans of sequence rules: one for each goal, found anew every night."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from personalization.events.goals import Goal
from personalization.ml.training.plans import Plan, plan_sources

#: What their names begin with; the slug of the goal follows.
SEQUENCES = "sequences."
ALGORITHM = "sequences"
RECIPE = "personalization.ml.training.sequencing.learn"


@plan_sources.register("sequences")
def sequence_plans() -> list[Plan]:
    """Return a plan for each goal that is active (one query)."""
    goals = Goal.objects.filter(is_active=True).order_by("slug").values_list("slug", "name")
    return [
        Plan(
            name=f"{SEQUENCES}{slug}",
            algorithm=ALGORITHM,
            recipe=RECIPE,
            window=timedelta(days=30),
            purpose=_("What leads to “%(goal)s”, and where visits end before.") % {"goal": name},
        )
        for slug, name in goals
    ]
