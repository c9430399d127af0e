"""The events of many profiles, as plain and fast as the database gives them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

from django.db import connection

from personalization.clock import EPOCH, microseconds
from personalization.events.models import Event
from personalization.profiles.models import Identity
from personalization.rules.need import ANY
from personalization.rules.occurrence import Occurrence
from personalization.types import Json, Microseconds

#: Rows that are held at a time.
_ROWS = 2000

_Row: TypeAlias = tuple[Any, ...]


class Properties(Mapping[str, Json]):
    """The properties of an event, read from their text when somebody asks for one."""

    __slots__ = ("_read", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._read: Mapping[str, Json] | None = None

    @property
    def _object(self) -> Mapping[str, Json]:
        if self._read is None:
            self._read = json.loads(self._text)
        assert self._read is not None
        return self._read

    def get(self, key: str, default: Any = None) -> Any:
        return self._object.get(key, default)

    def __getitem__(self, key: str) -> Json:
        return self._object[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._object)

    def __len__(self) -> int:
        return len(self._object)


def read_logs(
    profile_ids: Sequence[int], *, names: frozenset[str], learns: bool, until: datetime
) -> Iterator[tuple[int, Iterator[Occurrence]]]:
    """Yield the profiles that have such events, each with its events in the order of time.

    Events of these `names` before `until` (`ANY` among them: all); where something is to be
    learnt, those that state traits, too. The events of a profile must be taken before the
    next one is asked for.
    """
    query, params = _query(profile_ids, names, learns, until)
    read = _reader()
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, params)
        for profile_id, rows in groupby(_rows(cursor), key=itemgetter(0)):
            yield profile_id, map(read, rows)


def _rows(cursor: Any) -> Iterator[_Row]:
    while rows := cursor.fetchmany(_ROWS):
        yield from rows


def _query(
    profile_ids: Sequence[int], names: frozenset[str], learns: bool, until: datetime
) -> tuple[str, list[Any]]:
    instant, text = _columns()
    wanted, params = "", [*profile_ids, connection.ops.adapt_datetimefield_value(until)]
    if ANY not in names:
        # SQLite would look for the names first, in all events there are: the sign says not to.
        column = "+e.name" if connection.vendor == "sqlite" else "e.name"
        some = f"{column} IN ({_places(len(names))})" if names else "1 = 0"
        also = f" OR e.type = '{Event.Type.IDENTIFY}'" if learns else ""
        wanted, params = f" AND ({some}{also})", [*params, *sorted(names)]
    return (
        f"SELECT i.profile_id, {instant}, e.message_id, e.type, e.name, {text} "  # noqa: S608 - our own names
        f"FROM {Event._meta.db_table} e JOIN {Identity._meta.db_table} i ON i.id = e.identity_id "
        f"WHERE i.profile_id IN ({_places(len(profile_ids))}) AND e.timestamp < %s{wanted} "
        "ORDER BY i.profile_id, e.timestamp"
    ), params


def _places(n: int) -> str:
    return ", ".join(["%s"] * n)


def _columns() -> tuple[str, str]:
    """Return the instant and the properties as what costs least to read."""
    if connection.vendor == "postgresql":
        return "(EXTRACT(EPOCH FROM e.timestamp) * 1000000)::bigint", "e.properties::text"
    return "e.timestamp || ''", "e.properties"


def _reader() -> Callable[[_Row], Occurrence]:
    """Return what makes an occurrence of a row; what never changes is looked up once."""
    instant = _from_text(connection.timezone) if connection.vendor == "sqlite" else int

    def read(row: _Row) -> Occurrence:
        return Occurrence(row[3], row[4], Properties(row[5]), instant(row[1]), row[2])

    return read


def _from_text(zone: tzinfo | None) -> Callable[[str], Microseconds]:
    """Return what reads a timestamp that is stored as the clock of `zone` shows it."""
    if zone not in (UTC, None):
        return lambda text: microseconds(datetime.fromisoformat(text).replace(tzinfo=zone))
    epoch, unit, read = (
        EPOCH.replace(tzinfo=None),
        timedelta(microseconds=1),
        datetime.fromisoformat,
    )
    return lambda text: (read(text) - epoch) // unit
