"""Versions that are filled take over, all at once; those before them are cleaned up."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from personalization.profiles.models import Snapshot
from personalization.profiles.state import save
from personalization.revisions import Revision
from personalization.segments.filling import CHUNK, valid_targets
from personalization.segments.lease import Lease
from personalization.segments.linking import LiveVersion
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.membership import Changes
from personalization.segments.models import Membership, Segment, SegmentVersion
from personalization.segments.runs import Refresh

KEPT_RUNS = 20


def take_over(lease: Lease, *, now: datetime) -> None:
    """Have what is filled serve: one change of each segment, and one of the revision.

    A version that came to mean something else while it was being filled is left as it is,
    for the next run.
    """
    with transaction.atomic():
        # Whoever saves a segment locks it first: after this, what they mean stands still.
        list(Segment.objects.select_for_update().order_by("pk").values_list("pk"))
        live = live_rules()
        filled = [live.versions[pk] for pk in valid_targets(lease.run.targets, live)]
        # Of two of one segment, as it was edited before it was ever filled, the newer one last.
        for version in sorted(filled, key=lambda one: not one.serving):
            _serve(version, now)
        if filled:
            Revision.raise_number()
        lease.turn(Refresh.Phase.CLEANING)


def _serve(version: LiveVersion, now: datetime) -> None:
    states = SegmentVersion.State
    if version.beside is not None:
        SegmentVersion.objects.filter(pk=version.beside).update(
            state=states.RETIRING, retired_at=now
        )
    SegmentVersion.objects.filter(pk=version.id).update(
        state=states.SERVING, meaning=version.meaning
    )
    Segment.objects.filter(pk=version.segment_id).update(serving=version.id, refreshed_at=now)


def clean_chunk(lease: Lease) -> int:
    """Clean up the next chunk of profiles; return how many. 0: the run is finished."""
    with transaction.atomic():
        live = live_rules()
        over = {*live.retiring, *live.dropped}
        rows = Membership.objects.filter(
            settled=False,
            version__in=over | {one.successor for one in live.retiring.values()},
            profile__gt=lease.run.cursor,
        )
        ids = list(rows.order_by("profile").values_list("profile", flat=True).distinct()[:CHUNK])
        if not over or not ids:
            _finish(lease, over)
            return 0
        snapshots = list(Snapshot.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
        _hand_over(snapshots, live_rules())
        lease.moved(cursor=ids[-1], n=0)
    return len(ids)


def _hand_over(snapshots: list[Snapshot], live: LiveRules) -> None:
    changes = Changes()
    moved = []
    for snapshot in snapshots:
        before = snapshot.memberships
        changes.hand_over(snapshot, live)
        if snapshot.memberships != before:
            moved.append(snapshot)
    changes.write()
    save(moved, fields=("memberships", "due_at"))


def _finish(lease: Lease, over: set[int]) -> None:
    """Close the run. Nobody is left in the versions that are over: they are history."""
    if over:
        Membership.objects.filter(version__in=over, settled=False).delete()
        SegmentVersion.objects.filter(pk__in=over).update(state=SegmentVersion.State.PAST)
        Revision.raise_number()
    lease.finish()
    outlived = Refresh.objects.filter(open=False).order_by("-pk")[KEPT_RUNS:]
    Refresh.objects.filter(pk__in=list(outlived.values_list("pk", flat=True))).delete()
