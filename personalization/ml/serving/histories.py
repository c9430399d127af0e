"""What a visitor did with items until now, read from the log: their next page knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet

from personalization.clock import microseconds
from personalization.conf import settings
from personalization.events.models import Event
from personalization.ml.feedback import item_events
from personalization.ml.history import History, Step
from personalization.ml.item_events import BOUGHT, ItemEvents
from personalization.ml.serving.kept import apart

#: The newest steps alone say something.
STEPS: Final = 50
#: What was bought is known of so many of the newest orders, however much was looked at since.
ORDERS: Final = 200
#: Older ones are not looked for, so that few partitions of the log are.
LOOK_BACK: Final = timedelta(days=365)


class _Row(NamedTuple):
    """An event, with the beginning and the end of the profile's newest visit."""

    name: str
    properties: Any
    timestamp: datetime
    visit_began: datetime | None
    visit_ended: datetime | None


def history_of_profile(profile_id: int, *, now: datetime) -> History:
    """Return the last `STEPS` things that a profile did with items, and what it bought with its
    last `ORDERS` orders (one query, on an index; two for who did more than that).

    What speaks against an item, as that it was taken out of the cart, is no step.
    """
    with apart():
        events = item_events()
        done = _done(profile_id, events, now=now)
        rows = [_Row(*row) for row in done[:STEPS]]
        # Who looks around a lot does not push out what they bought.
        full = len(rows) == STEPS and BOUGHT in events.weights
        orders = [_Row(*row) for row in done.filter(name=BOUGHT)[:ORDERS]] if full else rows
    begun = _visit_began(rows, now=now)
    steps = chain.from_iterable(
        _steps(events, row, in_visit=begun is not None and row.timestamp >= begun)
        for row in reversed(rows)
    )
    return History(
        steps=tuple(steps)[-STEPS:],
        now=microseconds(now),
        bought=frozenset(_bought(events, orders)),
    )


def _done(profile_id: int, events: ItemEvents, *, now: datetime) -> QuerySet[Any, Any]:
    """Return what the profile did with items, as rows, the newest first."""
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
        )
    )


def _visit_began(rows: list[_Row], *, now: datetime) -> datetime | None:
    """Return when the visit began that goes on now, if one does."""
    if not rows:
        return None
    began, ended = rows[0].visit_began, rows[0].visit_ended
    if began is None or ended is None or now - ended >= settings.VISIT_GAP:
        return None
    return began


def _steps(events: ItemEvents, row: _Row, *, in_visit: bool) -> list[Step]:
    at = microseconds(row.timestamp)
    return [
        Step(item=concern.item, at=at, kind=concern.kind, in_visit=in_visit)
        for concern in events.read(row.name, row.properties)
    ]


def _bought(events: ItemEvents, rows: list[_Row]) -> Iterator[str]:
    for row in rows:
        if row.name == BOUGHT:
            yield from (concern.item for concern in events.read(row.name, row.properties))
