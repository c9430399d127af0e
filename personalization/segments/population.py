"""Segments over the whole population, by SQL."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from django.db import connection
from django.db.models import Q, QuerySet

from personalization.clock import microseconds, moment
from personalization.events.models import Event
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.rules.nodes import Rule
from personalization.rules.parse import link, parse
from personalization.rules.population import predicate
from personalization.rules.sql import Scope, Vendor
from personalization.segments.models import Membership, Segment
from personalization.types import Json


def linked(data: Json) -> Rule:
    """Return the rule stored as `data` with the rules of the segments it names.

    :raises InvalidRule: if it cannot be used.
    """

    def lookup(slug: str) -> Rule | None:
        segment = Segment.objects.filter(slug=slug, active=True).first()
        if segment is None:
            raise KeyError(slug)
        return parse(segment.rule) if segment.is_by_rule else None

    return link(parse(data), lookup)


def matching(rule: Rule, *, now: datetime) -> set[int]:
    """Return the ids of the profiles for which a linked rule holds at `now`."""
    with connection.cursor() as cursor:
        cursor.execute(*_query("p.id", rule, now))
        return {row[0] for row in cursor.fetchall()}


def count_matching(rule: Rule, *, now: datetime) -> int:
    """Return how many profiles a linked rule holds for at `now`."""
    with connection.cursor() as cursor:
        cursor.execute(*_query("COUNT(*)", rule, now))
        return int(cursor.fetchone()[0])


def members(segment: Segment, *, now: datetime) -> QuerySet[Profile]:
    """Return the profiles in `segment` at `now`, as their memberships say."""
    current = Membership.objects.filter(
        Q(until=None) | Q(until__gt=now), segment=segment, since__lte=now
    )
    return Profile.objects.filter(pk__in=current.values("profile"))


def _query(columns: str, rule: Rule, now: datetime) -> tuple[str, tuple[object, ...]]:
    condition = predicate(rule, _scope(now))
    text = (
        f"SELECT {columns} FROM {Profile._meta.db_table} p "  # noqa: S608  # names, not values
        f"JOIN {Snapshot._meta.db_table} s ON s.profile_id = p.id WHERE {condition.text}"
    )
    return text, condition.params


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
        timestamp=lambda at: connection.ops.adapt_datetimefield_value(moment(at)),
    )
