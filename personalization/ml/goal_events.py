"""The event that a model of a goal was made for, which the goal may not have any more."""

from __future__ import annotations

from typing import Final

from django.db.models import Exists, Q, QuerySet, Subquery, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from personalization.events.goals import Goal
from personalization.ml.models import ModelVersion

#: What the names of models begin with that say how likely a goal is; a dot and its slug follow.
PROPENSITY: Final = "propensity"
#: Where it is kept, in the configuration of a version.
EVENT: Final = "event"


def event_of(version: ModelVersion) -> str:
    """Return the event that a version was made for; empty: of none, or before that was kept."""
    said = version.config.get(EVENT, "") if isinstance(version.config, dict) else ""
    return said if isinstance(said, str) else ""


def of_its_goal(versions: QuerySet[ModelVersion], name: str) -> QuerySet[ModelVersion]:
    """Return the versions of a model without those that were made for another event than its goal
    has now (no query more)."""
    kind, _, slug = name.partition(".")
    if kind != PROPENSITY:
        return versions
    event = Goal.objects.filter(slug=slug).values("event")
    kept = Coalesce(KeyTextTransform(EVENT, "config"), Value(""), output_field=TextField())
    return versions.annotate(made_for=kept).filter(
        Q(made_for="") | Q(made_for=Subquery(event[:1])) | ~Exists(event)
    )
