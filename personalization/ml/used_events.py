"""Which events models and goals use, so that the tracker collects those and no others (law 7)."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import CharField, QuerySet, Value

from personalization.events.collection import uses
from personalization.events.goals import Goal
from personalization.ml.feedback import item_events
from personalization.ml.models import Item, ModelVersion

#: What the tracker collects by the way and features of models are computed of.
OF_FEATURES: Final = frozenset(
    {"Engaged", "Outbound Link Clicked", "Products Searched", "Scroll Depth Reached"}
)
_GOAL, _ITEMS, _MODEL = "goal", "items", "model"
_RECOMMENDER = "recommend"


@uses.register("models and goals")
def events_of_models() -> frozenset[str]:
    """Return the names of the events (one query, and one in a while for the weights).

    Where there are items, interest in them is learned from what visitors do with them; where
    there is a goal, or a model serves that looks at people, from what features are made of. A
    goal counts by its own event.
    """
    found = _standing()
    names = {event for what, event in found if what == _GOAL}
    models = {name for what, name in found if what == _MODEL}
    if names or models - {_RECOMMENDER}:
        names |= OF_FEATURES
    if _RECOMMENDER in models or any(what == _ITEMS for what, _ in found):
        names |= item_events().names
    return frozenset(names)


def _standing() -> set[tuple[str, str]]:
    """Return active goals by their events, models that serve by name, and whether there are items."""
    goals = Goal.objects.filter(is_active=True)
    models = ModelVersion.objects.filter(status=ModelVersion.Status.SERVING)
    any_one = Item.objects.order_by().values("pk")[:1]
    told = _told(goals, _GOAL, "event").union(
        _told(models, _MODEL, "name"),
        _told(Item.objects.filter(pk__in=any_one), _ITEMS, "kind"),
    )
    # Django 6.1 orders a union by what its first model is ordered by.
    return set(told.order_by())


def _told(rows: QuerySet[Any], what: str, column: str) -> QuerySet[Any]:
    told: QuerySet[Any] = rows.order_by().annotate(what=Value(what, output_field=CharField()))
    return told.values_list("what", column)
