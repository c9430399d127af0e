"""Apply stored events to the snapshots of their profiles, under lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from personalization.clock import microseconds, moment
from personalization.conf import settings
from personalization.privacy.consent import take_answers_over
from personalization.profiles.features import VISITS
from personalization.profiles.locks import hold
from personalization.profiles.models import Profile, Snapshot
from personalization.profiles.moves import Moves
from personalization.profiles.state import STORED_FIELDS, load, save, store
from personalization.profiles.visits import add_to_visits
from personalization.rules.occurrence import Occurrence
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.log import catch_up
from personalization.segments.membership import Changes
from personalization.segments.merge import hand_over
from personalization.segments.plans import narrow
from personalization.segments.rebuild import rebuild_snapshots

Occurrences = Mapping[int, Sequence[Occurrence]]


def apply_events(
    occurrences: Occurrences, held: Mapping[int, Snapshot], *, moves: Moves, now: datetime
) -> None:
    """Bring the snapshots, visits and memberships of the profiles in `held` up to date.

    Where a snapshot was built for other counters, or its identities are others than
    before, it is rebuilt from the log, which already holds the events.

    :raises ProfileMoved: when a profile is gone; the claim is then tried again.
    """
    others = {*moves.merged, *moves.changed} - held.keys()
    locked = {**held, **hold(others, lambda: others)}
    live = live_rules()
    changes = Changes()
    for emptied, target in moves.merged.items():
        hand_over(locked.pop(emptied), locked[target], live, changes, now=microseconds(now))
    snapshots = list(locked.values())
    # What the identities that a profile has now agreed to.
    take_answers_over([each for each in snapshots if each.pk in moves.changed], now=now)
    for snapshot in snapshots:
        if snapshot.plan != live.plan.id and snapshot.plan in live.wider:
            narrow(snapshot, live.plan)
    stale = [
        snapshot
        for snapshot in snapshots
        if snapshot.pk in moves.changed or snapshot.plan != live.plan.id
    ]
    rebuild_snapshots(stale, live, changes, now=now)
    rebuilt = {snapshot.pk for snapshot in stale}
    current = [snapshot for snapshot in snapshots if snapshot.pk not in rebuilt]
    _apply_to(current, occurrences, live, changes, now=now)
    changes.write()
    save(snapshots, fields=(*STORED_FIELDS, "consents"))
    if moves.merged:
        Profile.objects.filter(pk__in=moves.merged).delete()


def _apply_to(
    snapshots: Sequence[Snapshot],
    occurrences: Occurrences,
    live: LiveRules,
    changes: Changes,
    *,
    now: datetime,
) -> None:
    visited = add_to_visits(
        {
            snapshot.pk: [moment(occurrence.at) for occurrence in occurrences[snapshot.pk]]
            for snapshot in snapshots
        },
        gap=settings.VISIT_GAP,
    )
    for snapshot in snapshots:
        state = load(snapshot)
        state.apply(occurrences[snapshot.pk], live.plan)
        catch_up(state, snapshot.pk)
        more, newest = visited[snapshot.pk]
        if more:
            state.set_visits(state.sums.get(VISITS, 0) + more)
        if microseconds(newest.end) == state.last_seen:
            state.set_visit(microseconds(newest.start))
        store(state, snapshot)
        changes.advance(snapshot, live.segments_for(state.touched), live, now=microseconds(now))
