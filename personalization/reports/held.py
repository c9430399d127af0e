"""What is held of events and traits, since when, and whether anything uses it.

It is counted in the database, by names alone: no value is read. That reads every event once,
which takes its time where there are millions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from django.db import connection
from django.db.models import Count, Min

from personalization.clock import moment
from personalization.events.models import Event
from personalization.profiles.models import Snapshot
from personalization.reports.uses import Uses, uses_now
from personalization.types import JsonObject

What = Literal["event", "property", "trait"]


@dataclass(frozen=True, kw_only=True)
class Held:
    """Something that is held: `n` events or profiles have it, the oldest of them `since`.

    `event` is the one that a property is of.
    """

    what: What
    name: str
    n: int
    since: datetime | None
    event: str = ""
    used_by: Sequence[str] = ()

    def as_json(self) -> JsonObject:
        return {
            "what": self.what,
            "event": self.event or None,
            "name": self.name,
            "count": self.n,
            "since": self.since.isoformat() if self.since else None,
            "usedBy": list(self.used_by),
        }


def held(found: Uses | None = None) -> list[Held]:
    """Return all that is held, with what uses it (three queries beside those of the uses)."""
    found = found or uses_now()
    return [*_events(found), *_properties(found), *_traits(found)]


def unused(all_held: Iterable[Held]) -> list[Held]:
    """Return what nothing uses, most of it first; of an event that nothing uses, its properties
    go with it and are left out."""
    listed = [each for each in all_held if not each.used_by]
    events = {each.name for each in listed if each.what == "event"}
    order: Final = ("event", "property", "trait")
    return sorted(
        (each for each in listed if each.event not in events),
        key=lambda each: (order.index(each.what), -each.n, each.event, each.name),
    )


def _events(found: Uses) -> Iterator[Held]:
    rows = Event.objects.order_by("name").values_list("name")
    for name, n, since in rows.annotate(n=Count("pk"), since=Min("timestamp")):
        used_by = found.events.get(name, ())
        yield Held(what="event", name=name, n=n, since=since, used_by=used_by)


def _properties(found: Uses) -> Iterator[Held]:
    for event, name, n, since in _rows(_PROPERTIES):
        yield Held(
            what="property",
            name=name,
            event=event,
            n=n,
            since=_instant(since),
            used_by=found.of_property(event, name),
        )


def _traits(found: Uses) -> Iterator[Held]:
    for name, n, since in _rows(_TRAITS):
        used_by = found.traits.get(name, ())
        stated = moment(since) if since is not None else None
        yield Held(what="trait", name=name, n=n, since=stated, used_by=used_by)


def _instant(found: Any) -> datetime | None:
    """Return an instant as the database of the site hands it over in plain SQL."""
    if found is None or isinstance(found, datetime):
        return found
    converters = connection.ops.get_db_converters(Min("timestamp", output_field=_TIMESTAMP))
    for convert in converters:
        found = convert(found, None, connection)
    assert isinstance(found, datetime)
    return found


def _rows(by_vendor: dict[str, str]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(by_vendor[connection.vendor])
        return list(cursor.fetchall())


_TIMESTAMP = Event._meta.get_field("timestamp")
_EVENT, _SNAPSHOT = Event._meta.db_table, Snapshot._meta.db_table
# Names of our own alone: the keys are read by the database, and never part of a statement.
_PROPERTIES = {
    "sqlite": f"""
        SELECT e.name, k.key, COUNT(*), MIN(e.timestamp)
        FROM {_EVENT} e, json_each(e.properties) k
        GROUP BY e.name, k.key ORDER BY e.name, k.key
    """,  # noqa: S608
    "postgresql": f"""
        SELECT e.name, k.key, COUNT(*), MIN(e.timestamp)
        FROM {_EVENT} e CROSS JOIN LATERAL jsonb_object_keys(e.properties) AS k(key)
        GROUP BY e.name, k.key ORDER BY e.name, k.key
    """,  # noqa: S608
}
_TRAITS = {
    "sqlite": f"""
        SELECT k.key, COUNT(*), MIN(json_extract(t.value, '$[0]'))
        FROM {_SNAPSHOT} s JOIN json_each(s.traits) k
        LEFT JOIN json_each(s.trait_times) t ON t.key = k.key
        GROUP BY k.key ORDER BY k.key
    """,  # noqa: S608
    "postgresql": f"""
        SELECT k.key, COUNT(*), MIN((s.trait_times -> k.key ->> 0)::bigint)
        FROM {_SNAPSHOT} s CROSS JOIN LATERAL jsonb_object_keys(s.traits) AS k(key)
        GROUP BY k.key ORDER BY k.key
    """,  # noqa: S608
}
