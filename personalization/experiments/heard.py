"""Whether the events of goals come at all: a metric without any stays at nothing for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max

from personalization.events.goals import Goal
from personalization.events.models import Event

#: So far back events are counted, in days.
DAYS = 30


@dataclass(frozen=True, slots=True)
class Heard:
    """How many events of a goal came in the last `DAYS` days, and when the last one did, if any."""

    n: int = 0
    last: datetime | None = None


def heard_of(goals: Iterable[Goal], *, now: datetime) -> Mapping[str, Heard]:
    """Return what came for each goal by its event (a query; two where something did not come)."""
    names = {goal.event for goal in goals}
    if not names:
        return {}
    recent = Event.objects.filter(
        name__in=names, timestamp__gte=now - timedelta(days=DAYS), timestamp__lte=now
    )
    rows = recent.order_by().values_list("name").annotate(n=Count("pk"), last=Max("timestamp"))
    found = {name: Heard(n, last) for name, n, last in rows}
    if silent := names - found.keys():
        # The newest of a name is at the end of an index; how many there ever were, nobody asks.
        for name in sorted(silent):
            events = Event.objects.filter(name=name, timestamp__lte=now)
            last = events.order_by("-timestamp").values_list("timestamp", flat=True).first()
            found[name] = Heard(0, last)
    return found
