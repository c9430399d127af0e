"""Departures and ripenings: what time alone changes, told at its own instant."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from personalization.clock import microseconds
from personalization.profiles.models import Snapshot
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.membership import Changes, load_spans
from personalization.types import Microseconds

CHUNK = 200


def settle_memberships(*, now: datetime) -> int:
    """Move on every membership that is due at `now`; return how many profiles had one.

    Pages and counts do not wait for this: they read the exact `until`. What waits
    are the ones who are told (signals) and the next span of a membership.
    """
    settled = 0
    while n := _settle_chunk(now):
        settled += n
    return settled


def _settle_chunk(now: datetime) -> int:
    with transaction.atomic():
        due = list(
            Snapshot.objects.select_for_update(
                skip_locked=connection.features.has_select_for_update_skip_locked
            )
            .filter(due_at__lte=now)
            .order_by("due_at", "pk")[:CHUNK]
        )
        if not due:
            return 0
        live = live_rules()
        changes = Changes()
        for snapshot in due:
            _settle_one(snapshot, live, changes, microseconds(now))
        changes.write()
        Snapshot.objects.bulk_update(due, ("memberships", "due_at"))
    return len(due)


def _settle_one(snapshot: Snapshot, live: LiveRules, changes: Changes, now: Microseconds) -> None:
    """Evaluate at each due instant in turn, so that no entry or departure is skipped."""
    while True:
        edges = {
            segment_id: edge
            for segment_id, span in load_spans(snapshot).items()
            if (edge := span.next_edge()) is not None and edge <= now
        }
        if not edges:
            return
        at = min(edges.values())
        changes.advance(snapshot, (pk for pk, edge in edges.items() if edge == at), live, now=at)
