"""Rebuild profiles from the log: the definition of what every snapshot must be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from django.db import transaction

from personalization.clock import microseconds
from personalization.conf import settings
from personalization.events.models import Event
from personalization.profiles.modelled import modelled
from personalization.profiles.models import Snapshot
from personalization.profiles.state import State, save, store
from personalization.profiles.visits import Span, joined, replace_visits
from personalization.rules.occurrence import Occurrence
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.log import catch_up
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
            rebuild_and_save(snapshots, now=now)
    return len(ids)


def rebuild_and_save(snapshots: Sequence[Snapshot], *, now: datetime) -> None:
    """Derive locked snapshots anew and write all that follows."""
    changes = Changes()
    rebuild_snapshots(snapshots, live_rules(), changes, now=now)
    changes.write()
    save(snapshots)


def rebuild_snapshots(
    snapshots: Sequence[Snapshot], live: LiveRules, changes: Changes, *, now: datetime
) -> None:
    """Derive locked snapshots anew; the caller saves them and writes `changes`.

    One read of their events and one replacement of their visits for all of them.
    """
    if not snapshots:
        return
    states, moments = add_up([snapshot.pk for snapshot in snapshots], live)
    visits = replace_visits(moments, gap=settings.VISIT_GAP)
    for snapshot in snapshots:
        state = states[snapshot.pk]
        set_visits(state, visits[snapshot.pk])
        store(state, snapshot)
        snapshot.plan = live.plan.id
        changes.advance(snapshot, live.of_segment, live, now=microseconds(now))


def set_visits(state: State, visits: Sequence[Span]) -> None:
    """Take over the visits, given in the order of time."""
    if visits:
        state.set_visits(len(visits))
        state.set_visit(microseconds(visits[-1].start))


def add_up(
    profile_ids: Sequence[int], live: LiveRules
) -> tuple[dict[int, State], dict[int, list[datetime]]]:
    """Return what the events of each profile add up to, visits aside, and their instants."""
    states = {profile_id: State() for profile_id in profile_ids}
    moments: dict[int, list[datetime]] = {profile_id: [] for profile_id in profile_ids}
    rows = Event.objects.filter(identity__profile__in=profile_ids).values_list(
        "identity__profile_id", "type", "name", "properties", "timestamp", "message_id"
    )
    # A few at a time: the log of a profile can be longer than memory is wide.
    for (profile_id, at), together in groupby(
        rows.order_by("identity__profile", "timestamp").iterator(chunk_size=2000),
        key=itemgetter(0, 4),
    ):
        occurrences = [
            Occurrence(kind, name, properties, microseconds(at), message_id)
            for _, kind, name, properties, at, message_id in together
        ]
        states[profile_id].apply(occurrences, live.plan)
        moments[profile_id] += [at] * len(occurrences)
    for profile_id, state in states.items():
        catch_up(state, profile_id)
    return states, moments


def checksum(snapshot: Snapshot) -> str:
    """Return a digest of what the events of the profile add up to.

    Spans of membership are left out but for their ends: since when somebody is
    in a segment is when we learnt of it, not a function of the events alone.
    """
    members = {key: until for key, (_, until, told) in snapshot.memberships.items() if told}
    facts = (
        snapshot.traits, snapshot.sums, snapshot.features, snapshot.counters, members,
        str(snapshot.first_seen), str(snapshot.last_seen), str(snapshot.visit_started_at),
    )  # fmt: skip
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def derived_snapshots(
    snapshots: Sequence[Snapshot], live: LiveRules, *, now: datetime
) -> Iterator[Snapshot]:
    """Yield what the log says that each snapshot should be, writing nothing."""
    states, moments = add_up([snapshot.pk for snapshot in snapshots], live)
    for snapshot in snapshots:
        state = states[snapshot.pk]
        spans = joined((Span(at, at) for at in moments[snapshot.pk]), gap=settings.VISIT_GAP)
        set_visits(state, spans)
        derived = Snapshot(
            pk=snapshot.pk,
            memberships=dict(snapshot.memberships),
            consents=snapshot.consents,
            features=modelled(snapshot.features),
        )
        store(state, derived)
        derived.plan = live.plan.id
        Changes().advance(derived, live.of_segment, live, now=microseconds(now))
        yield derived
