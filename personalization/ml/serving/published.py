"""Which features the models that serve publish, under the names of the models.

It imports nothing that scores: rules are edited where the extra `ml` may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from personalization.events.goals import Goal
from personalization.ml.models import ModelVersion
from personalization.profiles.modelled import KINDS, sources
from personalization.rules.catalogue import Field


def published_names() -> tuple[str, ...]:
    """Return the names of the models that serve and publish a feature (one query)."""
    serves = ModelVersion.objects.filter(status=ModelVersion.Status.SERVING)
    names = serves.order_by("name").values_list("name", flat=True)
    return tuple(name for name in names if name.partition(".")[0] in KINDS)


@sources.register("predictions")
def published_fields() -> Mapping[str, Field]:
    """Return the features that rules may speak of (one query, another if there are any)."""
    names = published_names()
    if not names:
        return {}
    goals = dict(Goal.objects.values_list("slug", "name"))
    return {name: Field(name, _label(name, goals), "number") for name in names}


def _label(name: str, goals: Mapping[str, str]) -> str:
    kind, _dot, slug = name.partition(".")
    if kind == "churn":
        return _("probability of staying away")
    if kind == "cluster":
        return _("number of the group of %(model)s") % {"model": f"“{slug}”"}
    return _("probability of %(goal)s") % {"goal": f"“{goals.get(slug, slug)}”"}
