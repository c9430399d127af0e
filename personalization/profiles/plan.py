"""What every snapshot must keep: what live rules need, and no more (law 7)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from personalization.profiles.features import SHIPPED_WEIGHTS, kept
from personalization.rules.need import ANY, AnyNeed
from personalization.rules.occurrence import Occurrence
from personalization.rules.scalar import scalar_key
from personalization.rules.where import value_at


@dataclass(frozen=True)
class Plan:
    """Needs by event name. `id` names the plan in the snapshots built for it.

    `weights` are the points that events add to the interest score.
    """

    needs: Mapping[str, tuple[AnyNeed, ...]]
    id: str
    weights: Mapping[str, int]

    def concerned(self, occurrence: Occurrence) -> Iterator[AnyNeed]:
        """Yield the needs that the event can concern.

        Of those that want a certain value of a property, only the ones that want the value
        it has: rules are many, and most speak of other products.
        """
        for name in (occurrence.name, ANY):
            if (gated := self._gated.get(name)) is not None:
                yield from gated.open
                for path, by_value in gated.by_path.items():
                    key = scalar_key(value_at(path, occurrence.properties))
                    if key is not None:
                        yield from by_value.get(key, ())

    @cached_property
    def _gated(self) -> Mapping[str, _Gated]:
        return {name: _gated(needs) for name, needs in self.needs.items()}

    @property
    def events(self) -> frozenset[str]:
        """The names of the events that are kept of; `ANY` among them: all events."""
        return frozenset(self.needs)


@dataclass(frozen=True)
class _Gated:
    """The needs of one event: those open to all, and the others by path and value."""

    open: list[AnyNeed]
    by_path: dict[tuple[str, ...], dict[str, list[AnyNeed]]]


def _gated(needs: Iterable[AnyNeed]) -> _Gated:
    found = _Gated([], {})
    for need in needs:
        if need.gate is None:
            found.open.append(need)
        else:
            path, key = need.gate
            found.by_path.setdefault(path, {}).setdefault(key, []).append(need)
    return found


def plan(needs: Iterable[AnyNeed], *, weights: Mapping[str, int] = SHIPPED_WEIGHTS) -> Plan:
    """Return the plan in which needs with equal keys are served by one."""
    merged: dict[str, AnyNeed] = {}
    for need in needs:
        known = merged.get(need.key)
        merged[need.key] = need if known is None else known.union(need)
    by_event: dict[str, list[AnyNeed]] = {}
    for need in merged.values():
        for event in {ANY} if ANY in need.events else need.events:
            by_event.setdefault(event, []).append(need)
    parts = [f"{need.key}:{need.size}" for need in merged.values()] + kept(weights)
    digest = hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:20]
    return Plan({name: tuple(found) for name, found in by_event.items()}, digest, weights)
