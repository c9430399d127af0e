"""The plan of the recommender: all engines, stacked, and refreshed every few minutes."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from personalization.ml.training.plans import Plan, plan_sources

RECOMMEND = "recommend"


@plan_sources.register(RECOMMEND)
def recommend_plans() -> list[Plan]:
    return [
        Plan(
            name=RECOMMEND,
            algorithm="stack",
            recipe="personalization.ml.training.recommending.learn",
            refresh="personalization.ml.training.recommending.refresh",
            window=timedelta(days=90),
            purpose=_("Lists of items for each visitor, by what they did last."),
        )
    ]
