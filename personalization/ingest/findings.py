"""What does not fit a schema, counted: for sources that take it all the same."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from django.db import connections, router

from personalization.events.models import Source
from personalization.events.schemas import check, schemas_in_force
from personalization.ingest.item import Item
from personalization.ingest.models import SchemaFinding
from personalization.types import Json

#: Different findings of one source: names and places of no end could be sent otherwise.
MOST: Final = 1_000
KEPT_FOR: Final = timedelta(days=30)
_EXAMPLE, _POINTER = 60, 300

#: (source id, event, code, pointer)
_Place = tuple[int, str, str, str]


def note_findings(items: Iterable[Item], *, now: datetime) -> None:
    """Count what about the items does not fit; only those of sources that warn are looked at.

    Three queries where there is something to count.
    """
    watched = [item for item in items if item.source.schemas == Source.Schemas.WARN]
    if not watched:
        return
    schemas = schemas_in_force()
    counts: Counter[_Place] = Counter()
    examples: dict[_Place, str] = {}
    for item in watched:
        for found in check(item.arrival, schemas=schemas):
            place = (item.source.pk, item.arrival.name, found.code, found.pointer[:_POINTER])
            counts[place] += 1
            examples[place] = shape(found.value)
    bounded = _bounded(counts)
    if bounded:
        _count(bounded, examples, now)


def shape(value: Json) -> str:
    """Return what `value` looks like without what it says: it may tell of a person, and a
    finding belongs to nobody who could have it erased."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False)[:_EXAMPLE]
    if isinstance(value, bool):
        return text
    return _DIGIT.sub("9", _SMALL.sub("a", _CAPITAL.sub("A", text)))


_CAPITAL, _SMALL, _DIGIT = re.compile("[A-Z]"), re.compile(r"[^\W\dA-Z_]"), re.compile(r"\d")


def purge_findings(*, now: datetime) -> int:
    """Forget what has not come for a while; return how many findings."""
    deleted, _ = SchemaFinding.objects.filter(last_seen__lt=now - KEPT_FOR).delete()
    return deleted


def _bounded(counts: Counter[_Place]) -> Counter[_Place]:
    """Leave out what is new where a source has as many findings as it may."""
    if not counts:
        return counts
    known = SchemaFinding.objects.filter(source__in={place[0] for place in counts})
    seen = set(known.values_list("source_id", "event", "code", "pointer"))
    room = Counter({source_id: MOST for source_id, *_ in counts})
    room.subtract(Counter(place[0] for place in seen))
    bounded: Counter[_Place] = Counter()
    for place, n in counts.items():
        if place not in seen:
            room[place[0]] -= 1
        if place in seen or room[place[0]] >= 0:
            bounded[place] = n
    return bounded


def _count(counts: Counter[_Place], examples: dict[_Place, str], now: datetime) -> None:
    """Add to the counts, in one statement. Django's own upsert can replace, but not add."""
    connection = connections[router.db_for_write(SchemaFinding)]
    at = connection.ops.adapt_datetimefield_value(now)
    # Always in the same order, so that no two workers wait for each other.
    rows = [(*place, examples[place], counts[place], at, at) for place in sorted(counts)]
    table = SchemaFinding._meta.db_table
    sql = (  # of names of our own; the values are parameters
        f"INSERT INTO {table} (source_id, event, code, pointer, example, n, first_seen, last_seen)"  # noqa: S608
        f" VALUES {', '.join(['(%s, %s, %s, %s, %s, %s, %s, %s)'] * len(rows))}"
        " ON CONFLICT (source_id, event, code, pointer) DO UPDATE SET"
        f" n = {table}.n + excluded.n, example = excluded.example, last_seen = excluded.last_seen"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, list(chain.from_iterable(rows)))
