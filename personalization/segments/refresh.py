"""Bring every profile's memberships after a rule has changed.

Works through the profiles in chunks, each its own transaction, so that it can be
killed at any point: what is not done yet is found again by the next sweep.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet

from personalization.clock import microseconds
from personalization.profiles.models import Snapshot
from personalization.profiles.state import save
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.membership import Changes
from personalization.segments.models import Segment
from personalization.segments.rebuild import rebuild_and_save

CHUNK = 200

Progress = Callable[[int], None]


def pending_segments() -> QuerySet[Segment]:
    """Return the segments whose rule is newer than their memberships."""
    return Segment.objects.filter(Q(refreshed_at=None) | Q(refreshed_at__lt=F("updated_at")))


def refresh_segments(*, now: datetime, progress: Progress = lambda done: None) -> int:
    """Refresh all pending segments and outdated snapshots; return how many profiles."""
    # In this order: the rules are then at least as new as what is marked as refreshed.
    pending = {segment.pk: segment.updated_at for segment in pending_segments()}
    live = live_rules()
    done = 0
    while n := _rebuild_outdated(now):
        done += n
        progress(done)
    last = 0
    affected = _affected(set(pending), live)
    while affected and (chunk := _evaluate_chunk(last, affected, live, now)):
        last, n = chunk
        done += n
        progress(done)
    for segment_id in affected:
        Segment.objects.filter(pk=segment_id).update(
            refresh_error=live.broken.get(segment_id, ""),
        )
    for segment_id, updated_at in pending.items():
        Segment.objects.filter(pk=segment_id).update(refreshed_at=updated_at)
    return done


def _affected(pending: set[int], live: LiveRules) -> set[int]:
    """Return the pending segments, those whose rules name them, and those that broke
    or can be used again because of another one."""
    segments = list(Segment.objects.values_list("pk", "slug", "refresh_error"))
    tokens = {f"segment:{slug}" for pk, slug, _ in segments if pk in pending}
    changed = {pk for pk, _, error in segments if error != live.broken.get(pk, "")}
    return pending | live.segments_for(tokens) | changed


def _rebuild_outdated(now: datetime) -> int:
    """Rebuild a chunk of the snapshots that keep other counters than the rules need."""
    with transaction.atomic():
        live = live_rules()  # anew, lest this and a worker with newer rules undo each other
        outdated = Snapshot.objects.select_for_update().exclude(plan=live.plan.id)
        snapshots = list(outdated.order_by("pk")[:CHUNK])
        rebuild_and_save(snapshots, now=now)
    return len(snapshots)


def _evaluate_chunk(
    after: int, pending: set[int], live: LiveRules, now: datetime
) -> tuple[int, int] | None:
    """Evaluate the pending segments for the profiles behind `after`; None at the end."""
    with transaction.atomic():
        snapshots = list(
            Snapshot.objects.select_for_update().filter(pk__gt=after).order_by("pk")[:CHUNK]
        )
        if not snapshots:
            return None
        changes = Changes()
        changed = []
        for snapshot in snapshots:
            before = snapshot.memberships
            changes.advance(snapshot, pending, live, now=microseconds(now))
            if snapshot.memberships != before:
                changed.append(snapshot)
        changes.write()
        save(changed, fields=("memberships", "due_at"))
    return snapshots[-1].pk, len(snapshots)
