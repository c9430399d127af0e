"""Fill versions of segments for thousands of profiles at once, where the database can tell.

One pass over the events of a chunk counts for every rule at once; the memberships follow
from that in a second statement. What SQL cannot tell exactly is left to the evaluation in
memory, and only that: rules that may hold again after they ended, state that depends on the
order of events, profiles with events that lie ahead or memberships to compare with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from django.db import connection, transaction

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.profiles.models import Snapshot
from personalization.profiles.state import save
from personalization.rules.counter import CounterNeed
from personalization.rules.need import ANY, Need
from personalization.rules.occurrence import Occurrence
from personalization.segments.bulk_sql import (
    Answer,
    Counted,
    count_events,
    join_versions,
    keep_counters,
    known_plans,
    unsuited,
)
from personalization.segments.courses import Unforeseen, course_of
from personalization.segments.filling import fill, next_snapshots, valid_targets
from personalization.segments.lease import Lease
from personalization.segments.live import LiveRules, live_rules
from personalization.segments.membership import tell_entries
from personalization.segments.plans import kept_by
from personalization.segments.population import scope_at

CHUNK = 5000
#: Counters of one pass: a row has only so many columns.
MOST_COUNTERS = 400


def can_backfill() -> bool:
    """Return whether the database can fill whole chunks."""
    return connection.vendor == "postgresql"


def backfill_chunk(lease: Lease, *, now: datetime) -> int:
    """Fill the next chunk; return how many profiles it had. 0: all are done."""
    with transaction.atomic():
        rows = next_snapshots(lease).select_for_update().order_by("pk")
        ids = list(rows.values_list("pk", flat=True)[:CHUNK])
        if not ids:
            return 0
        live = live_rules()  # now that they are locked, as in memory
        backfill(ids, live, valid_targets(lease.run.targets, live), now=now)
        lease.moved(cursor=ids[-1], n=len(ids))
    return len(ids)


def backfill(
    ids: Sequence[int], live: LiveRules, targets: Collection[int], *, now: datetime
) -> None:
    """Bring the locked snapshots to the plan, and their memberships in the versions."""
    plan = _Plan(live, targets, now)
    others = unsuited(
        ids,
        versions=[*targets],
        allowed=[pk for pk in live.versions if pk not in targets],
        now=now,
    )
    for built_for, profile_ids in known_plans(ids).items():
        kept = kept_by(built_for, wanted=live.plan)
        suited = [] if kept is None else [pk for pk in profile_ids if pk not in others]
        if kept is not None and suited:
            plan.fill(suited, kept, built_for)
        others.update(set(profile_ids).difference(suited))
    _fill_in_memory(others, live, targets, now)


def _fill_in_memory(
    ids: Collection[int], live: LiveRules, targets: Collection[int], now: datetime
) -> None:
    if ids:
        snapshots = list(Snapshot.objects.filter(pk__in=ids).order_by("pk"))
        fill(snapshots, live, set(targets), now=now)


@dataclass(frozen=True)
class _Plan:
    """What is to be filled, and what SQL can tell of it."""

    live: LiveRules
    targets: Collection[int]
    now: datetime

    @cached_property
    def _needs(self) -> dict[str, Need[Any]]:
        return {need.key: need for needs in self.live.plan.needs.values() for need in needs}

    def fill(self, ids: Sequence[int], kept: dict[str, int], built_for: str) -> None:
        """Fill profiles whose snapshots keep the same, and of whom SQL can tell."""
        missing = [need for key, need in self._needs.items() if kept.get(key) != need.size]
        fresh = [need for need in missing if isinstance(need, CounterNeed)]
        rest = [need for need in missing if not isinstance(need, CounterNeed)]
        obsolete = [key for key in kept if key not in self._needs]
        scope = scope_at(self.now)
        counted: list[CounterNeed] = []
        for start in range(0, len(fresh), MOST_COUNTERS):
            part = fresh[start : start + MOST_COUNTERS]
            count_events(ids, part, scope)
            keep_counters(ids, part, obsolete=obsolete, plan=self.live.plan.id)
            counted = part if len(part) == len(fresh) else []
        if not fresh and built_for != self.live.plan.id:
            keep_counters(ids, (), obsolete=obsolete, plan=self.live.plan.id)
        _fold(ids, rest)
        answers, left = self._answers(counted)
        if answers:
            told = join_versions(ids, answers, counted=bool(counted), now=microseconds(self.now))
            tell_entries(told, self.live, at=microseconds(self.now))
        if left:
            _fill_in_memory(ids, self.live, left, self.now)

    def _answers(self, counted: Sequence[CounterNeed]) -> tuple[list[Answer], set[int]]:
        """Return what SQL tells of the versions, and those that it cannot tell of."""
        columns, scope = Counted(counted), scope_at(self.now)
        answers, left = [], set()
        for pk in sorted(self.targets):
            version = self.live.versions[pk]
            if version.by_hand:
                left.add(pk)
            elif version.rule is not None and not version.live_only:
                try:
                    answers.append(Answer(version, course_of(version.rule, columns, scope)))
                except Unforeseen:
                    left.add(pk)
        return answers, left


def _fold(ids: Sequence[int], needs: Sequence[Need[Any]]) -> None:
    """Keep in the snapshots what only a look at one event after the other can tell."""
    if not needs:
        return
    names = frozenset[str]().union(*(need.events for need in needs))
    folded = {
        pk: dict(_folded(list(occurrences), needs)) for pk, occurrences in _events(ids, names)
    }
    snapshots = list(Snapshot.objects.filter(pk__in=folded).only("counters"))
    keys = {need.key for need in needs}
    for snapshot in snapshots:
        others = {key: kept for key, kept in snapshot.counters.items() if key not in keys}
        snapshot.counters = {**others, **folded[snapshot.pk]}
    save(snapshots, fields=("counters",))


def _folded(
    occurrences: Sequence[Occurrence], needs: Iterable[Need[Any]]
) -> Iterator[tuple[str, Any]]:
    for need in needs:
        concerned = (each for each in occurrences if ANY in need.events or each.name in need.events)
        kept = need.fold(concerned)
        if kept is not need.nothing:
            yield need.key, need.dump(kept)


def _events(
    ids: Sequence[int], names: frozenset[str]
) -> Iterator[tuple[int, Iterator[Occurrence]]]:
    """Yield the events of each profile, in the order of their positions."""
    rows = Event.objects.filter(identity__profile__in=ids)
    if ANY not in names:
        rows = rows.filter(name__in=sorted(names))
    found = rows.order_by("identity__profile", "timestamp").values_list(
        "identity__profile_id", "type", "name", "properties", "timestamp", "message_id"
    )
    for pk, group in groupby(found.iterator(chunk_size=2000), key=itemgetter(0)):
        occurrences = [
            Occurrence(kind, name, properties, microseconds(at), message_id)
            for _, kind, name, properties, at, message_id in group
        ]
        yield pk, iter(sorted(occurrences, key=attrgetter("position")))
