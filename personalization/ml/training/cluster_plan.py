"""The plan of the personas: groups of visitors by what they do, found anew every night."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from personalization.ml.training.plans import Plan, plan_sources

PERSONAS = "cluster.personas"
RECIPE = "personalization.ml.training.clustering.learn"


@plan_sources.register("cluster")
def cluster_plans() -> list[Plan]:
    return [
        Plan(
            name=PERSONAS,
            algorithm="personas",
            recipe=RECIPE,
            window=timedelta(days=90),
            purpose=_("Groups of visitors who do alike, with names and rules."),
        ),
    ]
