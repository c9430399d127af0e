"""Segments kept by hand: put profiles in, take them out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction

from personalization.clock import microseconds
from personalization.profiles.models import Snapshot
from personalization.profiles.state import save
from personalization.rules.interval import Interval
from personalization.segments.live import live_rules
from personalization.segments.membership import Changes
from personalization.segments.models import Segment
from personalization.segments.state import has_ended

#: Profiles whose memberships are set in one transaction: each of them is locked meanwhile.
CHUNK = 500


def add_members(
    segment: Segment, profile_ids: Iterable[int], *, now: datetime, until: datetime | None = None
) -> int:
    """Put the profiles into `segment` from now on, `until` an instant if one is given.

    Who is in it already stays in it since then. Returns how many profiles exist.
    """
    return add_members_until(segment, dict.fromkeys(profile_ids, until), now=now)


def add_members_until(
    segment: Segment, ends: Mapping[int, datetime | None], *, now: datetime
) -> int:
    """Put each of the profiles into `segment` until its own end; returns how many exist.

    Nobody comes into a segment that has ended.
    """
    if has_ended(segment, now=now):
        return 0
    start = microseconds(now)
    intervals = {
        profile_id: Interval(start, microseconds(end) if end else None)
        for profile_id, end in ends.items()
    }
    return _set_members(segment, intervals, now=now)


def remove_members(segment: Segment, profile_ids: Iterable[int], *, now: datetime) -> int:
    """Take the profiles out of `segment`; returns how many exist."""
    return _set_members(segment, dict.fromkeys(profile_ids), now=now)


def _set_members(
    segment: Segment, intervals: Mapping[int, Interval | None], *, now: datetime
) -> int:
    ids = sorted(intervals)
    return sum(
        _set_chunk(segment, ids[start : start + CHUNK], intervals, now=now)
        for start in range(0, len(ids), CHUNK)
    )


def _set_chunk(
    segment: Segment,
    profile_ids: list[int],
    intervals: Mapping[int, Interval | None],
    *,
    now: datetime,
) -> int:
    with transaction.atomic():
        snapshots = list(
            Snapshot.objects.select_for_update().filter(pk__in=profile_ids).order_by("pk")
        )
        live = live_rules()
        changes = Changes()
        dependent = live.segments_for({f"segment:{segment.slug}"})
        for snapshot in snapshots:
            given = intervals[snapshot.pk]
            changes.put(snapshot, segment.pk, given, live, now=microseconds(now))
            changes.advance(snapshot, dependent, live, now=microseconds(now))
        changes.write()
        save(snapshots, fields=("memberships", "due_at"))
    return len(snapshots)
