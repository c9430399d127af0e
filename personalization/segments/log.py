"""The events of one profile, for what cannot be told from what is kept of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.profiles.state import State
from personalization.rules.need import ANY
from personalization.rules.occurrence import Occurrence


def read_log(profile_id: int, events: frozenset[str]) -> Iterator[Occurrence]:
    """Yield the events of these names in the order of their positions (one query)."""
    rows = Event.objects.filter(identity__profile=profile_id)
    if ANY not in events:
        rows = rows.filter(name__in=sorted(events))
    found = (
        Occurrence(kind, name, properties, microseconds(at), message_id)
        for kind, name, properties, at, message_id in rows.order_by("timestamp")
        .values_list("type", "name", "properties", "timestamp", "message_id")
        .iterator(chunk_size=2000)
    )
    # Ties are decided here: databases compare texts as their collation does.
    for _, together in groupby(found, key=attrgetter("at")):
        yield from sorted(together, key=attrgetter("position"))


def catch_up(state: State, profile_id: int) -> None:
    """Put in from the log what came too late for what depends on the order of events."""
    for need in state.late.values():
        state.put(need, need.fold(read_log(profile_id, need.events)))
    state.late.clear()
