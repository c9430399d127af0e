"""Departures and ripenings: what time alone changes, told at its own instant."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from personalization.clock import microseconds
from personalization.profiles.models import Snapshot
from personalization.profiles.state import save
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.membership import Changes, load_spans
from personalization.types import Microseconds

CHUNK = 500
#: What no rule looks at, and nothing here writes.
_UNNEEDED = ("trait_times", "sums", "plan")


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
            .defer(*_UNNEEDED)
            .order_by("due_at", "pk")[:CHUNK]
        )
        if not due:
            return 0
        live = live_rules()
        changes = Changes()
        at = microseconds(now)
        for snapshot in due:
            changes.advance(snapshot, _due_segments(snapshot, live, at), live, now=at)
        changes.write()
        save(due, fields=("memberships", "due_at"))
    return len(due)


def _due_segments(snapshot: Snapshot, live: LiveRules, now: Microseconds) -> set[int]:
    edges = {pk: span.next_edge() for pk, span in load_spans(snapshot).items()}
    due = (pk for pk, edge in edges.items() if edge is not None and edge <= now)
    return {live.versions[pk].segment_id for pk in due if pk in live.versions}
