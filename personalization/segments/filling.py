"""Fill versions of segments: a chunk of profiles at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from personalization.clock import microseconds
from personalization.profiles.models import Snapshot
from personalization.profiles.state import save
from personalization.segments.lease import Lease
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.membership import Changes
from personalization.segments.plans import narrow
from personalization.segments.rebuild import rebuild_snapshots

CHUNK = 200


def valid_targets(targets: Mapping[str, str], live: LiveRules) -> set[int]:
    """Return the versions to fill that still mean what they did when the run began."""
    outdated = live.outdated()
    return {int(key) for key, meaning in targets.items() if outdated.get(int(key)) == meaning}


def fill_chunk(lease: Lease, *, now: datetime) -> int:
    """Fill the next chunk; return how many profiles it had. 0: all are done."""
    with transaction.atomic():
        snapshots = list(next_snapshots(lease).select_for_update().order_by("pk")[:CHUNK])
        if not snapshots:
            return 0
        # Read now that they are locked, lest this and a worker with newer rules undo each
        # other.
        live = live_rules()
        fill(snapshots, live, valid_targets(lease.run.targets, live), now=now)
        lease.moved(cursor=snapshots[-1].pk, n=len(snapshots))
    return len(snapshots)


def next_snapshots(lease: Lease) -> QuerySet[Snapshot]:
    """Return the snapshots still to be done: all, or those that keep other counters."""
    live = live_rules()
    left = Snapshot.objects.filter(pk__gt=lease.run.cursor)
    if valid_targets(lease.run.targets, live):
        return left
    return left.exclude(plan=live.plan.id)


def fill(snapshots: list[Snapshot], live: LiveRules, targets: set[int], *, now: datetime) -> None:
    """Bring locked snapshots to the plan, and their memberships in the versions."""
    changes = Changes()
    outdated = [one for one in snapshots if one.plan != live.plan.id and one.plan not in live.wider]
    rebuild_snapshots(outdated, live, changes, now=now)
    save(outdated)
    rebuilt = {one.pk for one in outdated}
    segments = {live.versions[pk].segment_id for pk in targets}
    narrowed, moved = [], []
    for snapshot in snapshots:
        if snapshot.pk in rebuilt:
            continue
        before = snapshot.memberships
        changes.advance(snapshot, segments, live, now=microseconds(now))
        if snapshot.plan != live.plan.id:
            narrow(snapshot, live.plan)
            narrowed.append(snapshot)
        elif snapshot.memberships != before:
            moved.append(snapshot)
    changes.write()
    save(narrowed, fields=("counters", "plan", "memberships", "due_at"))
    save(moved, fields=("memberships", "due_at"))
