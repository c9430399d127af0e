"""Features every profile has: sums over its events, exact in any order.

A definition adds a whole number for each event that concerns it; the published
value is the sum over `scale`. Whole numbers, because adding floats depends on
the order of events and law 1 forbids that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from personalization.profiles.occurrence import Occurrence
from personalization.registry import Registry
from personalization.types import Json

VISITS = "visits.count"
_LARGEST = 10**15


@dataclass(frozen=True)
class FeatureDefinition:
    """One feature: `amount` is added per event named in `events` (None: every event)."""

    label: str
    amount: Callable[[Occurrence], int]
    events: frozenset[str] | None = None
    unit: str = ""
    scale: int = 1

    def value(self, total: int) -> float:
        return total if self.scale == 1 else total / self.scale


definitions: Registry[FeatureDefinition] = Registry("feature")


def _one(occurrence: Occurrence) -> int:
    return 1


def _number(field: str, *, scale: int) -> Callable[[Occurrence], int]:
    """Return the reader of a number in the properties; anything else counts as 0."""

    def amount(occurrence: Occurrence) -> int:
        value = occurrence.properties.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return 0
        return round(value * scale) if 0 <= value < _LARGEST / scale else 0

    return amount


def _never(occurrence: Occurrence) -> int:
    return 0


for _name, _definition in {
    VISITS: FeatureDefinition("number of visits", _never, frozenset()),
    "events.count": FeatureDefinition("number of events", _one),
    "pages.count": FeatureDefinition("pages viewed", _one, frozenset({"Page Viewed"})),
    "cart.adds": FeatureDefinition(
        "products added to the cart", _one, frozenset({"Product Added"})
    ),
    "orders.count": FeatureDefinition("number of orders", _one, frozenset({"Order Completed"})),
    "orders.revenue": FeatureDefinition(
        "total of all orders",
        _number("total", scale=1_000_000),
        frozenset({"Order Completed"}),
        scale=1_000_000,
    ),
    "engagement.seconds": FeatureDefinition(
        "engaged time",
        _number("seconds", scale=1000),
        frozenset({"Engaged"}),
        unit="seconds",
        scale=1000,
    ),
}.items():
    definitions.register(_name)(_definition)


def add(sums: dict[str, int], occurrence: Occurrence) -> set[str]:
    """Add `occurrence` to `sums`; return the names of the features it changed."""
    changed = set()
    for name, definition in definitions.items():
        if definition.events is not None and occurrence.name not in definition.events:
            continue
        if amount := definition.amount(occurrence):
            sums[name] = sums.get(name, 0) + amount
            changed.add(name)
    return changed


def published(sums: Mapping[str, int]) -> dict[str, Json]:
    """Return the values of all features; those never touched are 0."""
    return {name: definition.value(sums.get(name, 0)) for name, definition in definitions.items()}
