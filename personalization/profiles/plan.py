"""Which counters every snapshot must keep: what live rules need, and no more (law 7)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from personalization.profiles.features import definitions
from personalization.rules.matcher import CounterNeed


@dataclass(frozen=True)
class Plan:
    """Counters by event name. `id` names the plan in the snapshots built for it."""

    counters: Mapping[str, tuple[CounterNeed, ...]]
    id: str


def plan(needs: Iterable[CounterNeed]) -> Plan:
    """Return the plan in which equal matchers share the largest counter asked for."""
    largest: dict[str, CounterNeed] = {}
    for need in needs:
        known = largest.get(need.matcher.id)
        if known is None or known.size < need.size:
            largest[need.matcher.id] = need
    by_event: dict[str, list[CounterNeed]] = {}
    for need in largest.values():
        by_event.setdefault(need.matcher.event, []).append(need)
    parts = [f"{key}:{need.size}" for key, need in largest.items()] + list(definitions.names())
    digest = hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:20]
    return Plan({name: tuple(found) for name, found in by_event.items()}, digest)
