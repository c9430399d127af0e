"""Segments over the whole population, by SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.db import connection
from django.db.models import QuerySet

from personalization.clock import microseconds, moment, site_zone, span
from personalization.conf import settings
from personalization.events.models import Event
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.rules.nodes import Rule
from personalization.rules.parse import link, parse
from personalization.rules.population import predicate
from personalization.rules.sql import Scope, Vendor
from personalization.segments.linking import serving_world
from personalization.segments.models import Membership, Segment
from personalization.types import Json, JsonObject, Microseconds

NO_CONTEXT: JsonObject = {}


def linked(data: Json) -> Rule:
    """Return the rule stored as `data` with the rules of the segments it names, as they serve.

    :raises InvalidRule: if it cannot be used.
    """
    return link(parse(data), serving_world(Segment.objects.all()).lookup)


def matching(rule: Rule, *, now: datetime, context: JsonObject = NO_CONTEXT) -> set[int]:
    """Return the ids of the profiles for which a linked rule holds at `now`.

    `context` is the request that all of them are asked about, if there is one.
    """
    return {row[0] for row in _rows("p.id", rule, scope_at(now, context=context))}


def count_matching(rule: Rule, *, now: datetime, context: JsonObject = NO_CONTEXT) -> int:
    """Return how many profiles a linked rule holds for at `now`."""
    return int(_rows("COUNT(*)", rule, scope_at(now, context=context))[0][0])


def members(segment: Segment, *, now: datetime) -> QuerySet[Profile]:
    """Return the profiles in `segment` at `now`, as their memberships say."""
    current = Membership.objects.in_force(now=now).filter(segment=segment)
    return Profile.objects.filter(pk__in=current.values("profile"))


def _rows(columns: str, rule: Rule, scope: Scope) -> list[tuple[Any, ...]]:
    condition = predicate(rule, scope)
    text = (
        f"SELECT {columns} FROM {Profile._meta.db_table} p "  # noqa: S608  # names, not values
        f"JOIN {Snapshot._meta.db_table} s ON s.profile_id = p.id WHERE {condition.text}"
    )
    with connection.cursor() as cursor:
        cursor.execute(text, cast(Any, condition.params))
        return cast("list[tuple[Any, ...]]", cursor.fetchall())


def scope_at(now: datetime, *, context: JsonObject = NO_CONTEXT) -> Scope:
    """Return what the SQL of a rule refers to, at `now`."""
    return Scope(
        vendor=cast(Vendor, connection.vendor),
        now=microseconds(now),
        tables={
            "event": Event._meta.db_table,
            "identity": Identity._meta.db_table,
            "membership": Membership._meta.db_table,
            "segment": Segment._meta.db_table,
            "snapshot": Snapshot._meta.db_table,
        },
        timestamp=_timestamp,
        zone=site_zone(),
        stored_zone=connection.timezone_name,
        visit_gap=span(settings.VISIT_GAP),
        context=context,
    )


def _timestamp(at: Microseconds) -> str | datetime:
    """Return `at` as the database compares it: a text on SQLite."""
    adapted = connection.ops.adapt_datetimefield_value(moment(at))
    assert adapted is not None
    return adapted
