"""Visits: events of a profile that are less than a gap apart.

The visits of a set of events are the connected components under “less than the
gap apart”, so they do not depend on the order in which the events arrive: a late
event can extend a visit or join two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple, TypeAlias

from django.db import connections, router

from personalization import bulk
from personalization.profiles.models import Visit


@dataclass(frozen=True, slots=True)
class Span:
    """A visit as a value."""

    start: datetime
    end: datetime
    events: int = 1


def joined(spans: Iterable[Span], *, gap: timedelta) -> list[Span]:
    """Return `spans` in order of time, with those less than `gap` apart made one."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if result and span.start - result[-1].end < gap:
            last = result[-1]
            result[-1] = Span(last.start, max(last.end, span.end), last.events + span.events)
        else:
            result.append(span)
    return result


#: Instants of the events of each profile.
Moments: TypeAlias = Mapping[int, Sequence[datetime]]


class Visited(NamedTuple):
    """By how many `more` visits a profile has, and the newest of those that were touched."""

    more: int
    newest: Span


def add_to_visits(moments: Moments, *, gap: timedelta) -> dict[int, Visited]:
    """Extend, join and create visits; return what became of those of each profile.

    Three statements, however many profiles there are.
    """
    near = _near(moments, gap=gap)
    visited: dict[int, Visited] = {}
    stale: list[int] = []
    fresh: list[bulk.Row] = []
    for profile_id, instants in moments.items():
        known = near.get(profile_id, {})
        spans = joined([*known, *map(_instant, instants)], gap=gap)
        starts = {span.start for span in spans}
        stale += [number for span, number in known.items() if span.start not in starts]
        fresh += [_row(profile_id, span) for span in spans if span not in known]
        visited[profile_id] = Visited(len(spans) - len(known), spans[-1])
    if stale:
        Visit.objects.filter(pk__in=stale).delete()
    _write(fresh)
    return visited


def replace_visits(moments: Moments, *, gap: timedelta) -> dict[int, list[Span]]:
    """Derive the visits of the profiles anew from all their events; return them in order."""
    spans = {
        profile_id: joined(map(_instant, instants), gap=gap)
        for profile_id, instants in moments.items()
    }
    Visit.objects.filter(profile__in=list(moments)).delete()
    _write([_row(profile_id, span) for profile_id, found in spans.items() for span in found])
    return spans


def _near(moments: Moments, *, gap: timedelta) -> dict[int, dict[Span, int]]:
    """Return per profile the visits that its instants can touch, with their numbers."""
    if not moments:
        return {}
    connection = connections[router.db_for_read(Visit)]
    write = connection.ops.adapt_datetimefield_value
    bounds = [
        (profile_id, write(min(instants) - gap), write(max(instants) + gap))
        for profile_id, instants in moments.items()
    ]
    visits = Visit.objects.raw(
        f"SELECT visit.* FROM {Visit._meta.db_table} visit JOIN"  # noqa: S608 - our own names
        f" ({_bounds_sql(connection.vendor, len(bounds))}) bounds"
        " ON visit.profile_id = bounds.profile_id"
        " AND visit.ended_at > bounds.low AND visit.started_at < bounds.high",
        list(chain.from_iterable(bounds)),
    )
    near: dict[int, dict[Span, int]] = {}
    for visit in visits:
        span = Span(visit.started_at, visit.ended_at, visit.events)
        near.setdefault(visit.profile_id, {})[span] = visit.pk
    return near


def _bounds_sql(vendor: str, n: int) -> str:
    """Return a table of `n` rows of parameters; PostgreSQL wants to be told their types."""
    types = ("bigint", "timestamptz", "timestamptz") if vendor == "postgresql" else ()
    values = ", ".join(f"CAST(%s AS {kind})" for kind in types) or "%s, %s, %s"
    rows = ", ".join([f"({values})"] * n)
    if vendor == "postgresql":
        return f"SELECT * FROM (VALUES {rows}) AS given (profile_id, low, high)"  # noqa: S608
    return f"SELECT column1 AS profile_id, column2 AS low, column3 AS high FROM (VALUES {rows})"  # noqa: S608


def _write(visits: Sequence[bulk.Row]) -> None:
    """Create visits; one that begins when a known one does takes its place."""
    bulk.upsert(Visit, visits, key=("profile_id", "started_at"))


def _instant(moment: datetime) -> Span:
    return Span(moment, moment)


def _row(profile_id: int, span: Span) -> bulk.Row:
    return {
        "profile_id": profile_id,
        "started_at": span.start,
        "ended_at": span.end,
        "events": span.events,
    }
