"""The state of one profile as a value that events are applied to.

Applying is commutative: counters, sums and last-writer-wins traits give the same
state for any order of the same events. Duplicates are removed before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from personalization import bulk
from personalization.clock import microseconds, moment
from personalization.profiles import features
from personalization.profiles.models import Snapshot
from personalization.profiles.occurrence import Occurrence
from personalization.profiles.plan import Plan
from personalization.rules.state import NO_EVENTS, Counter
from personalization.types import Json, Microseconds

Stamp = tuple[Microseconds, str]


@dataclass
class State:
    """What the events of a profile add up to. `touched` names what has changed."""

    traits: dict[str, Json] = field(default_factory=dict)
    trait_times: dict[str, Stamp] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    counters: dict[str, Counter] = field(default_factory=dict)
    first_seen: Microseconds | None = None
    last_seen: Microseconds | None = None
    touched: set[str] = field(default_factory=set)

    def apply(self, occurrences: Iterable[Occurrence], plan: Plan) -> None:
        for occurrence in occurrences:
            self._count(occurrence, plan)
            self._feel(occurrence)
            if occurrence.type == "identify":
                self._learn(occurrence)
            self._see(occurrence.at)

    def set_visits(self, n: int) -> None:
        self.sums[features.VISITS] = n
        self.touched.add(f"feature:{features.VISITS}")

    def _count(self, occurrence: Occurrence, plan: Plan) -> None:
        for need in plan.counters.get(occurrence.name, ()):
            if need.matcher.matches(occurrence.properties, at=occurrence.at):
                key = need.matcher.id
                counter = self.counters.get(key, NO_EVENTS)
                self.counters[key] = counter.add(occurrence.at, size=need.size)
                self.touched.add(f"event:{occurrence.name}")

    def _feel(self, occurrence: Occurrence) -> None:
        for name in features.add(self.sums, occurrence):
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
        counters=load_counters(snapshot.counters),
        first_seen=microseconds(snapshot.first_seen) if snapshot.first_seen else None,
        last_seen=microseconds(snapshot.last_seen) if snapshot.last_seen else None,
    )


def load_counters(stored: Mapping[str, Any]) -> dict[str, Counter]:
    return {
        key: Counter(tuple(entry["n"]), entry["t"], entry["f"]) for key, entry in stored.items()
    }


def store(state: State, snapshot: Snapshot) -> None:
    """Put `state` into the fields of `snapshot`, which is not saved."""
    snapshot.traits = state.traits
    snapshot.trait_times = {name: list(stamp) for name, stamp in state.trait_times.items()}
    snapshot.sums = state.sums
    snapshot.features = features.published(state.sums)
    snapshot.counters = {
        key: {"n": list(counter.newest), "t": counter.total, "f": counter.first}
        for key, counter in state.counters.items()
    }
    snapshot.first_seen = moment(state.first_seen) if state.first_seen is not None else None
    snapshot.last_seen = moment(state.last_seen) if state.last_seen is not None else None


#: The fields `store` and the memberships write.
STORED_FIELDS = (
    "traits", "trait_times", "sums", "features", "counters", "first_seen", "last_seen",
    "memberships", "plan", "due_at",
)  # fmt: skip


def save(snapshots: Iterable[Snapshot], *, fields: Sequence[str] = STORED_FIELDS) -> None:
    """Write `fields` of locked snapshots, all in one statement."""
    rows = [
        {"profile_id": snapshot.pk, **{name: getattr(snapshot, name) for name in fields}}
        for snapshot in snapshots
    ]
    bulk.update(Snapshot, rows, key="profile_id")
