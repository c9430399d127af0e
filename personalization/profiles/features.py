"""Features every profile has: sums over its events, exact in any order.

A definition adds a whole number for each event that concerns it; the published
value is the sum over `scale`. Whole numbers, because adding floats depends on
the order of events and law 1 forbids that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from personalization.registry import Registry
from personalization.rules.occurrence import Occurrence
from personalization.types import Json

VISITS, EVENTS = "visits.count", "events.count"
INTEREST = "interest.score"
#: Points that an event adds to the interest score, where a site owner says nothing else.
SHIPPED_WEIGHTS: Mapping[str, int] = {
    "Element Clicked": 1,
    "Product Clicked": 1,
    "Product Added": 3,
    "Order Completed": 5,
}
_LARGEST = 10**15


@dataclass(frozen=True)
class FeatureDefinition:
    """One feature: `amount` is added per event named in `events` (None: every event), and
    looks at its `properties`.

    `description` says what it is computed of, and in which range it lies.
    """

    label: str
    amount: Callable[[Occurrence], int]
    events: frozenset[str] | None = None
    unit: str = ""
    scale: int = 1
    description: str = ""
    properties: frozenset[str] = frozenset()

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
    VISITS: FeatureDefinition(
        "number of visits",
        _never,
        frozenset(),
        description="Visits so far; a pause of PERSONALIZATION_VISIT_GAP ends one. 0 or more.",
    ),
    EVENTS: FeatureDefinition(
        "number of events", _one, description="Events of any name. 0 or more."
    ),
    "pages.count": FeatureDefinition(
        "pages viewed",
        _one,
        frozenset({"Page Viewed"}),
        description="Events “Page Viewed”. 0 or more.",
    ),
    "cart.adds": FeatureDefinition(
        "products added to the cart",
        _one,
        frozenset({"Product Added"}),
        description="Events “Product Added”; what was removed again counts too. 0 or more.",
    ),
    "orders.count": FeatureDefinition(
        "number of orders",
        _one,
        frozenset({"Order Completed"}),
        description="Events “Order Completed”. 0 or more.",
    ),
    "orders.revenue": FeatureDefinition(
        "total of all orders",
        _number("total", scale=1_000_000),
        frozenset({"Order Completed"}),
        scale=1_000_000,
        description="Sum of the property “total” of “Order Completed”, exact in millionths of "
        "the currency of the site. 0 or more.",
        properties=frozenset({"total"}),
    ),
    "engagement.seconds": FeatureDefinition(
        "engaged time",
        _number("seconds", scale=1000),
        frozenset({"Engaged"}),
        unit="seconds",
        scale=1000,
        description="Sum of the property “seconds” of “Engaged”, which the tracker sends: time "
        "with a page in front and something done on it. 0 or more.",
        properties=frozenset({"seconds"}),
    ),
    INTEREST: FeatureDefinition(
        "interest score",
        _never,  # the weights of events are added, which a site owner edits
        frozenset(),
        unit="points",
        description="Weights of all events, added up: as shipped 1 for a click, 3 for a product "
        "added to the cart, 5 for an order. A whole number; below 0 only with such weights.",
    ),
}.items():
    definitions.register(_name)(_definition)


def add(
    sums: dict[str, int],
    occurrence: Occurrence,
    *,
    weights: Mapping[str, int] = SHIPPED_WEIGHTS,
) -> set[str]:
    """Add `occurrence` to `sums`; return the names of the features it changed.

    `weights` are the points of the interest score by event name.
    """
    changed = set()
    for name, definition in definitions.items():
        if definition.events is not None and occurrence.name not in definition.events:
            continue
        if amount := definition.amount(occurrence):
            sums[name] = sums.get(name, 0) + amount
            changed.add(name)
    if points := weights.get(occurrence.name, 0):
        sums[INTEREST] = sums.get(INTEREST, 0) + points
        changed.add(INTEREST)
    return changed


def kept(weights: Mapping[str, int] = SHIPPED_WEIGHTS) -> list[str]:
    """Return what tells apart snapshots that keep other features: their names, in order, and
    what the score was added up with."""
    weighed = f"{INTEREST}={json.dumps(weights, sort_keys=True)}"
    return sorted(weighed if name == INTEREST else name for name in definitions.names())


def published(sums: Mapping[str, int]) -> dict[str, Json]:
    """Return the values of all features; those never touched are 0."""
    return {name: definition.value(sums.get(name, 0)) for name, definition in definitions.items()}
