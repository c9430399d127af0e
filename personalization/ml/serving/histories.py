"""What a visitor did with items until now, read from the log: their next page knows."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from django.db.models import QuerySet

from personalization.clock import microseconds
from personalization.conf import settings
from personalization.events.models import Event
from personalization.ml.feedback import item_events
from personalization.ml.history import History, Step
from personalization.ml.item_events import ItemEvents
from personalization.ml.serving.kept import apart

#: The newest steps alone say something.
STEPS: Final = 50
#: Older ones are not looked for, so that few partitions of the log are.
LOOK_BACK: Final = timedelta(days=365)


def history_of_profile(profile_id: int, *, now: datetime) -> History:
    """Return the last `STEPS` things that a profile did with items (one query, on an index).

    What speaks against an item, as that it was taken out of the cart, is no step.
    """
    with apart():
        events = item_events()
        rows = list(_rows(profile_id, events, now=now))
    begun = _visit_began(rows, now=now)
    steps = chain.from_iterable(
        _steps(events, row, in_visit=begun is not None and row[2] >= begun)
        for row in reversed(rows)
    )
    return History(steps=tuple(steps)[-STEPS:], now=microseconds(now))


def _rows(profile_id: int, events: ItemEvents, *, now: datetime) -> QuerySet[Any, Any]:
    """Return the newest events that concern items, each with the beginning and the end of the
    profile's newest visit, as its snapshot has them."""
    names = sorted(name for name in events.names if events.weights[name] > 0)
    return (
        Event.objects.filter(
            identity__profile=profile_id, name__in=names, timestamp__gte=now - LOOK_BACK
        )
        .order_by("-timestamp", "-pk")
        .values_list(
            "name",
            "properties",
            "timestamp",
            "identity__profile__snapshot__visit_started_at",
            "identity__profile__snapshot__last_seen",
        )[:STEPS]
    )


def _visit_began(rows: list[Any], *, now: datetime) -> datetime | None:
    """Return when the visit began that goes on now, if one does."""
    if not rows:
        return None
    *_, began, ended = rows[0]
    if began is None or ended is None or now - ended >= settings.VISIT_GAP:
        return None
    return began  # type: ignore[no-any-return]


def _steps(events: ItemEvents, row: Any, *, in_visit: bool) -> list[Step]:
    name, properties, timestamp, *_ = row
    at = microseconds(timestamp)
    return [
        Step(item=concern.item, at=at, kind=concern.kind, in_visit=in_visit)
        for concern in events.read(name, properties)
    ]
