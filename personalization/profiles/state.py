"""The state of one profile as a value that events are applied to.

Applying is commutative: counters, sums and last-writer-wins traits give the same
state for any order of the same events. Duplicates are removed before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, TypeVar

from personalization import bulk
from personalization.clock import microseconds, moment
from personalization.profiles import features
from personalization.profiles.modelled import modelled
from personalization.profiles.models import Snapshot
from personalization.profiles.plan import Plan
from personalization.rules.need import Counters, Late, Need
from personalization.rules.occurrence import Occurrence
from personalization.types import Json, Microseconds

T = TypeVar("T")
Stamp = tuple[Microseconds, str]


@dataclass
class State:
    """What the events of a profile add up to. `touched` names what has changed.

    `late` holds what could not take an event because the order matters: the caller has
    to put the whole of it in, from the log.
    """

    traits: dict[str, Json] = field(default_factory=dict)
    trait_times: dict[str, Stamp] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    visit: Microseconds | None = None
    first_seen: Microseconds | None = None
    last_seen: Microseconds | None = None
    touched: set[str] = field(default_factory=set)
    late: dict[str, Need[Any]] = field(default_factory=dict)

    def apply(self, occurrences: Iterable[Occurrence], plan: Plan) -> None:
        for occurrence in sorted(occurrences, key=attrgetter("position")):
            self._count(occurrence, plan)
            self._feel(occurrence, plan)
            if occurrence.type == "identify":
                self._learn(occurrence)
            self._see(occurrence.at)

    def set_visits(self, n: int) -> None:
        self.sums[features.VISITS] = n
        self.touched.add(f"feature:{features.VISITS}")

    def set_visit(self, started: Microseconds) -> None:
        """Note when the newest visit began."""
        self.visit = started
        self.touched.add("visit")

    def _count(self, occurrence: Occurrence, plan: Plan) -> None:
        for need in plan.concerned(occurrence):
            known = self.counters.of(need)
            try:
                kept = need.add(known, occurrence)
            except Late:
                self.late[need.key] = need
                continue
            if kept is not known:
                self.put(need, kept)

    def put(self, need: Need[T], kept: T) -> None:
        self.counters.put(need, kept)
        self.touched.add(f"counter:{need.key}")

    def _feel(self, occurrence: Occurrence, plan: Plan) -> None:
        for name in features.add(self.sums, occurrence, weights=plan.weights):
            self.touched.add(f"feature:{name}")

    def _learn(self, occurrence: Occurrence) -> None:
        """Take over traits stated later than what is known; null means unknown again."""
        stamp = (occurrence.at, occurrence.message_id)
        for name, value in occurrence.properties.items():
            known = self.trait_times.get(name)
            if known is None or (stamp, _text(value)) > (known, _text(self.traits[name])):
                self.trait_times[name] = stamp
                self.traits[name] = value
                self.touched.add(f"trait:{name}")

    def _see(self, at: Microseconds) -> None:
        self.first_seen = at if self.first_seen is None else min(self.first_seen, at)
        self.last_seen = at if self.last_seen is None else max(self.last_seen, at)


def _text(value: Json) -> str:
    """Return what decides between sources that use the same message id at one instant."""
    return json.dumps(value, sort_keys=True)


def load(snapshot: Snapshot) -> State:
    """Return the state kept in `snapshot`."""
    return State(
        traits=dict(snapshot.traits),
        trait_times={name: (at, by) for name, (at, by) in snapshot.trait_times.items()},
        sums=dict(snapshot.sums),
        counters=Counters(snapshot.counters),
        visit=microseconds(snapshot.visit_started_at) if snapshot.visit_started_at else None,
        first_seen=microseconds(snapshot.first_seen) if snapshot.first_seen else None,
        last_seen=microseconds(snapshot.last_seen) if snapshot.last_seen else None,
    )


def store(state: State, snapshot: Snapshot) -> None:
    """Put `state` into the fields of `snapshot`, which is not saved."""
    snapshot.traits = state.traits
    snapshot.trait_times = {name: list(stamp) for name, stamp in state.trait_times.items()}
    snapshot.sums = state.sums
    snapshot.features = {**modelled(snapshot.features), **features.published(state.sums)}
    snapshot.counters = state.counters.as_stored()
    snapshot.visit_started_at = moment(state.visit) if state.visit is not None else None
    snapshot.first_seen = moment(state.first_seen) if state.first_seen is not None else None
    snapshot.last_seen = moment(state.last_seen) if state.last_seen is not None else None


#: The fields `store` and the memberships write.
STORED_FIELDS = (
    "traits", "trait_times", "sums", "features", "counters", "first_seen", "last_seen",
    "visit_started_at", "memberships", "plan", "due_at",
)  # fmt: skip


def save(snapshots: Iterable[Snapshot], *, fields: Sequence[str] = STORED_FIELDS) -> None:
    """Write `fields` of locked snapshots, all in one statement."""
    rows = [
        {"profile_id": snapshot.pk, **{name: getattr(snapshot, name) for name in fields}}
        for snapshot in snapshots
    ]
    bulk.update(Snapshot, rows, key="profile_id")
