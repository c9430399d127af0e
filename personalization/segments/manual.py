"""Segments kept by hand: put profiles in, take them out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from personalization.clock import microseconds
from personalization.profiles.models import Snapshot
from personalization.profiles.state import save
from personalization.rules.state import Interval
from personalization.segments.live import live_rules
from personalization.segments.membership import Changes
from personalization.segments.models import Segment


def add_members(
    segment: Segment, profile_ids: Iterable[int], *, now: datetime, until: datetime | None = None
) -> int:
    """Put the profiles into `segment` from now on, `until` an instant if one is given.

    Who is in it already stays in it since then. Returns how many profiles exist.
    """
    end = microseconds(until) if until else None
    return _set_members(segment, profile_ids, Interval(microseconds(now), end), now=now)


def remove_members(segment: Segment, profile_ids: Iterable[int], *, now: datetime) -> int:
    """Take the profiles out of `segment`; returns how many exist."""
    return _set_members(segment, profile_ids, None, now=now)


def _set_members(
    segment: Segment, profile_ids: Iterable[int], interval: Interval | None, *, now: datetime
) -> int:
    with transaction.atomic():
        snapshots = list(
            Snapshot.objects.select_for_update().filter(pk__in=list(profile_ids)).order_by("pk")
        )
        live = live_rules()
        changes = Changes()
        dependent = live.segments_for({f"segment:{segment.slug}"})
        for snapshot in snapshots:
            changes.put(snapshot, segment.pk, interval, now=microseconds(now))
            changes.advance(snapshot, dependent, live, now=microseconds(now))
        changes.write()
        save(snapshots, fields=("memberships", "due_at"))
    return len(snapshots)
