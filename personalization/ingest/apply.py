"""Apply stored events to the snapshots of their profiles, under lock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from personalization.clock import microseconds, moment
from personalization.conf import settings
from personalization.exceptions import PersonalizationError
from personalization.privacy.consent import profile_consents
from personalization.profiles.features import VISITS
from personalization.profiles.models import Profile, Snapshot
from personalization.profiles.occurrence import Occurrence
from personalization.profiles.state import STORED_FIELDS, load, store
from personalization.profiles.visits import add_to_visits
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.membership import Changes
from personalization.segments.merge import hand_over
from personalization.segments.rebuild import rebuild_snapshot


class ProfileMoved(PersonalizationError):
    """Another worker merged a profile away while its events were being stored."""


def apply_events(
    occurrences: Mapping[int, Sequence[Occurrence]],
    *,
    merged: Mapping[int, int],
    now: datetime,
) -> None:
    """Bring each profile's snapshot, visits and memberships up to its events.

    `merged` leads from each profile that lost its identities to the one that has them.

    Where the snapshot was built for other counters, or profiles were merged, it
    is rebuilt from the log, which already holds the events.

    :raises ProfileMoved: when a profile is gone; the claim is then tried again.
    """
    locked = {snapshot.pk: snapshot for snapshot in locked_snapshots({*occurrences, *merged})}
    live = live_rules()
    changes = Changes()
    for emptied, target in merged.items():
        hand_over(locked.pop(emptied), locked[target], live, changes, now=microseconds(now))
    snapshots = list(locked.values())
    for snapshot in snapshots:
        if snapshot.pk in merged.values():
            snapshot.consents = profile_consents(snapshot.pk)
        if snapshot.pk in merged.values() or snapshot.plan != live.plan.id:
            rebuild_snapshot(snapshot, live, changes, now=now)
        else:
            _apply_to(snapshot, occurrences[snapshot.pk], live, changes, now)
    changes.write()
    # The rows are there and locked. Updated as a conflict, they are spared the CASE
    # that `bulk_update` builds for every field of every row.
    Snapshot.objects.bulk_create(
        snapshots,
        update_conflicts=True,
        unique_fields=("profile",),
        update_fields=(*STORED_FIELDS, "consents"),
    )
    Profile.objects.filter(pk__in=merged).delete()


def locked_snapshots(profile_ids: Collection[int]) -> list[Snapshot]:
    """Return the snapshots of the profiles under lock; nobody else changes them until commit.

    Always in the same order, so that no two workers wait for each other.

    :raises ProfileMoved: when a profile is gone.
    """
    snapshots = list(Snapshot.objects.select_for_update().filter(pk__in=profile_ids).order_by("pk"))
    if len(snapshots) != len(profile_ids):
        raise ProfileMoved
    return snapshots


def _apply_to(
    snapshot: Snapshot,
    occurrences: Sequence[Occurrence],
    live: LiveRules,
    changes: Changes,
    now: datetime,
) -> None:
    state = load(snapshot)
    state.apply(occurrences, live.plan)
    moments = [moment(occurrence.at) for occurrence in occurrences]
    more = add_to_visits(snapshot.pk, moments, gap=settings.VISIT_GAP)
    if more:
        state.set_visits(state.sums.get(VISITS, 0) + more)
    store(state, snapshot)
    changes.advance(snapshot, live.segments_for(state.touched), live, now=microseconds(now))
