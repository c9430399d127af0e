"""Segments over the whole population, by SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.db import connection
from django.db.models import Q, QuerySet

from personalization.clock import microseconds, moment
from personalization.events.models import Event
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.rules.nodes import Rule
from personalization.rules.parse import link, parse
from personalization.rules.population import predicate
from personalization.rules.sql import Scope, Vendor
from personalization.segments.live import referenced
from personalization.segments.models import Membership, Segment
from personalization.types import Json, Microseconds


def linked(data: Json) -> Rule:
    """Return the rule stored as `data` with the rules of the segments it names.

    :raises InvalidRule: if it cannot be used.
    """

    def lookup(slug: str) -> Rule | None:
        segment = Segment.objects.filter(slug=slug, active=True).first()
        if segment is None:
            raise KeyError(slug)
        return referenced(segment)

    return link(parse(data), lookup)


def matching(rule: Rule, *, now: datetime) -> set[int]:
    """Return the ids of the profiles for which a linked rule holds at `now`."""
    return {row[0] for row in _rows("p.id", rule, now)}


def count_matching(rule: Rule, *, now: datetime) -> int:
    """Return how many profiles a linked rule holds for at `now`."""
    return int(_rows("COUNT(*)", rule, now)[0][0])


def members(segment: Segment, *, now: datetime) -> QuerySet[Profile]:
    """Return the profiles in `segment` at `now`, as their memberships say."""
    current = Membership.objects.filter(
        Q(until=None) | Q(until__gt=now), segment=segment, since__lte=now
    )
    return Profile.objects.filter(pk__in=current.values("profile"))


def _rows(columns: str, rule: Rule, now: datetime) -> list[tuple[Any, ...]]:
    condition = predicate(rule, _scope(now))
    text = (
        f"SELECT {columns} FROM {Profile._meta.db_table} p "  # noqa: S608  # names, not values
        f"JOIN {Snapshot._meta.db_table} s ON s.profile_id = p.id WHERE {condition.text}"
    )
    with connection.cursor() as cursor:
        cursor.execute(text, cast(Any, condition.params))
        return cast("list[tuple[Any, ...]]", cursor.fetchall())


def _scope(now: datetime) -> Scope:
    return Scope(
        vendor=cast(Vendor, connection.vendor),
        now=microseconds(now),
        tables={
            "event": Event._meta.db_table,
            "identity": Identity._meta.db_table,
            "membership": Membership._meta.db_table,
            "segment": Segment._meta.db_table,
        },
        timestamp=_timestamp,
    )


def _timestamp(at: Microseconds) -> str | datetime:
    """Return `at` as the database compares it: a text on SQLite."""
    adapted = connection.ops.adapt_datetimefield_value(moment(at))
    assert adapted is not None
    return adapted
