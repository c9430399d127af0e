"""Rebuild profiles from the log: the definition of what every snapshot must be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import transaction

from personalization.clock import microseconds
from personalization.conf import settings
from personalization.events.models import Event
from personalization.profiles.models import Snapshot
from personalization.profiles.occurrence import Occurrence
from personalization.profiles.state import STORED_FIELDS, State, store
from personalization.profiles.visits import Span, joined, replace_visits
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.membership import Changes

CHUNK = 200


def occurrence_of(event: Event) -> Occurrence:
    return Occurrence(
        event.type, event.name, event.properties, microseconds(event.timestamp), event.message_id
    )


def rebuild_profiles(profile_ids: Iterable[int], *, now: datetime) -> int:
    """Derive snapshot, visits and memberships of the profiles anew; return how many."""
    ids = sorted(profile_ids)
    for start in range(0, len(ids), CHUNK):
        with transaction.atomic():
            snapshots = list(
                Snapshot.objects.select_for_update()
                .filter(pk__in=ids[start : start + CHUNK])
                .order_by("pk")
            )
            changes = Changes()
            live = live_rules()
            for snapshot in snapshots:
                rebuild_snapshot(snapshot, live, changes, now=now)
            changes.write()
            Snapshot.objects.bulk_update(snapshots, STORED_FIELDS)
    return len(ids)


def rebuild_snapshot(
    snapshot: Snapshot, live: LiveRules, changes: Changes, *, now: datetime
) -> None:
    """Derive one locked snapshot anew; the caller saves it and writes `changes`."""
    events = list(events_of(snapshot.pk))
    moments = [event.timestamp for event in events]
    n = replace_visits(snapshot.pk, moments, gap=settings.VISIT_GAP)
    store(derived_state(events, live, visits=n), snapshot)
    snapshot.plan = live.plan.id
    stale = {int(key) for key in snapshot.memberships}
    changes.advance(snapshot, {*live.rules, *live.manual, *stale}, live, now=microseconds(now))


def events_of(profile_id: int) -> Iterator[Event]:
    return (
        Event.objects.filter(identity__profile_id=profile_id)
        .only("type", "name", "properties", "timestamp", "message_id")
        .iterator()
    )


def derived_state(events: Iterable[Event], live: LiveRules, *, visits: int) -> State:
    state = State()
    state.apply(map(occurrence_of, events), live.plan)
    if visits:
        state.set_visits(visits)
    return state


def checksum(snapshot: Snapshot) -> str:
    """Return a digest of what the events of the profile add up to.

    Spans of membership are left out but for their ends: since when somebody is
    in a segment is when we learnt of it, not a function of the events alone.
    """
    members = {key: until for key, (_, until, told) in snapshot.memberships.items() if told}
    facts = (
        snapshot.traits, snapshot.sums, snapshot.features, snapshot.counters, members,
        str(snapshot.first_seen), str(snapshot.last_seen),
    )  # fmt: skip
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def derived_snapshot(snapshot: Snapshot, live: LiveRules, *, now: datetime) -> Snapshot:
    """Return what the log says this snapshot should be, writing nothing."""
    events = list(events_of(snapshot.pk))
    spans = joined((Span(e.timestamp, e.timestamp) for e in events), gap=settings.VISIT_GAP)
    derived = Snapshot(
        pk=snapshot.pk, memberships=dict(snapshot.memberships), consents=snapshot.consents
    )
    store(derived_state(events, live, visits=len(spans)), derived)
    derived.plan = live.plan.id
    Changes().advance(derived, {*live.rules, *live.manual}, live, now=microseconds(now))
    return derived
