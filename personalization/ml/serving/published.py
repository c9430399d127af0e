"""Which features the models that serve publish, under the names of the models.

It imports nothing that scores: rules are edited where the extra `ml` may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from personalization.events.goals import Goal
from personalization.ml.models import ModelVersion
from personalization.profiles.modelled import publishes, sources
from personalization.rules.catalogue import Field

#: Algorithm of groups that have names, and what reads these: by its place, as numpy comes along.
GROUPED = "personas"
_NAMES = "personalization.ml.serving.group_names.group_names"


def published_names() -> tuple[str, ...]:
    """Return the names of the models that serve and publish a feature (one query)."""
    return tuple(_published())


def _published() -> dict[str, str]:
    """Return name and algorithm of the models that serve and publish a feature."""
    serves = ModelVersion.objects.filter(status=ModelVersion.Status.SERVING)
    found = serves.order_by("name").values_list("name", "algorithm")
    return {name: algorithm for name, algorithm in found if publishes(name)}


@sources.register("predictions")
def published_fields() -> Mapping[str, Field]:
    """Return the features that rules may speak of (one query, others if there are any)."""
    published = _published()
    if not published:
        return {}
    goals = dict(Goal.objects.values_list("slug", "name"))
    return {
        name: _groups(name) if algorithm == GROUPED else Field(name, _label(name, goals), "number")
        for name, algorithm in published.items()
    }


def _groups(name: str) -> Field:
    """Return the field of groups that have names, all of which rules may compare; none of them
    is known where the version cannot be read."""
    label = _("%(model)s group") % {"model": name.partition(".")[2]}
    try:
        names: tuple[str, ...] = import_string(_NAMES)(name)
    except ImportError:  # the extra is missing
        names = ()
    return Field(name, label, "text", values=names)


def _label(name: str, goals: Mapping[str, str]) -> str:
    kind, _dot, slug = name.partition(".")
    if kind == "churn":
        return _("probability of staying away")
    if kind == "cluster":
        return _("number of the group of %(model)s") % {"model": f"“{slug}”"}
    return _("probability of %(goal)s") % {"goal": f"“{goals.get(slug, slug)}”"}
