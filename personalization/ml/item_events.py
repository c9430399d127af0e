"""From an event to the items that it concerns, and how much it says about liking them.

Needs neither a database nor numpy, so that the web process reads the same from an event as
whoever trains. Names and properties are those of Segment's public “Spec: V2 Ecommerce Events”.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from personalization.types import Json

#: The tracker's word for time spent on a page; it says no item, so it is of the one looked at.
ENGAGED: Final = "Engaged"
#: By which a visitor has an item for good.
BOUGHT: Final = "Order Completed"
#: No event of a client: the last page of a visit was left after less than `QUICK` seconds.
QUICK_EXIT: Final = "Quick Exit"
QUICK: Final = 10.0

#: Longest key of an item (`Item.key`); longer ones are refused, as two could be cut to one.
MAX_KEY: Final = 200
#: Products of one order or cart that are read.
MAX_PRODUCTS: Final = 100
#: Longest time on a page, in seconds, and largest sum of money that are believed.
MAX_SECONDS: Final = 86_400.0
MAX_MONEY: Final = 1e9

#: Where the key of an item is looked for, in this order.
_KEYS: Final = ("product_id", "item_id", "article_id", "content_id", "sku", "slug")


@dataclass(frozen=True, slots=True)
class Weighing:
    """How much an event says, 1 for a view; and the property with the key of its item, empty
    for those of the Segment spec. A weight of 0: it says nothing and is not read."""

    weight: float
    property: str = ""


#: What is there before anybody wrote a weight. Page views are no interest in an item until a
#: site says which property of theirs holds it (`path`, `item_id`).
SHIPPED: Final[Mapping[str, Weighing]] = {
    "Product Viewed": Weighing(1.0),
    "Product Clicked": Weighing(1.0),
    "Article Viewed": Weighing(1.0),
    ENGAGED: Weighing(1.0),
    "Product Shared": Weighing(2.0),
    "Product Added to Wishlist": Weighing(2.0),
    "Product Added": Weighing(3.0),
    "Wishlist Product Added to Cart": Weighing(3.0),
    BOUGHT: Weighing(5.0),
    "Product Removed": Weighing(-1.0),
    "Product Removed from Wishlist": Weighing(-1.0),
    QUICK_EXIT: Weighing(-0.5),
}

#: Events whose amount is money: price × quantity of the item.
_MONEY: Final = frozenset(
    {"Product Added", "Wishlist Product Added to Cart", "Product Removed", BOUGHT}
)


class Concern(NamedTuple):
    """An item that an event concerns. `kind` is the event's name; `amount` is what it measured,
    seconds or money, NaN where it measured nothing."""

    item: str
    kind: str
    amount: float = math.nan


@dataclass(frozen=True)
class ItemEvents:
    """Which events concern items, by the weighings that count."""

    weighings: Mapping[str, Weighing] = field(default_factory=lambda: SHIPPED)

    @property
    def weights(self) -> dict[str, float]:
        """Event → weight, without those that say nothing."""
        return {name: each.weight for name, each in self.weighings.items() if each.weight}

    @property
    def names(self) -> frozenset[str]:
        """The names of the events that have to be read."""
        return frozenset(self.weights) - {QUICK_EXIT}

    def read(self, name: str, properties: Json) -> tuple[Concern, ...]:
        """Return what the event concerns: each item once, in the order it names them.

        Nothing for an event that says no item, says it badly, or does not count.
        """
        told = tuple(self.described(name, properties))
        if len(told) == 1:  # as nearly always
            return (Concern(told[0][0], name, _amount(name, told[0][1])),)
        amounts: dict[str, float] = {}
        for item, said in told:
            amount = _amount(name, said)
            # One product in two sizes are two lines of an order, and one thing done.
            amounts[item] = amounts[item] + amount if item in amounts else amount
        return tuple(Concern(item, name, amount) for item, amount in amounts.items())

    def described(self, name: str, properties: Json) -> Iterator[tuple[str, Mapping[str, Json]]]:
        """Yield items with the mapping in which the event describes them."""
        weighing = self.weighings.get(name)
        if weighing is None or not weighing.weight or not isinstance(properties, Mapping):
            return
        for said in _mappings(properties):
            if (item := _key_in(said, weighing.property)) is not None:
                yield item, said


def is_view(name: str) -> bool:
    """Return whether the event is of looking at what it concerns, so that time spent is time
    spent with that: by the spec's own way to name events, as in “Recipe Viewed”."""
    return name.endswith(" Viewed")


def seconds_of(properties: Json) -> float:
    """Return how long an `Engaged` tells of, NaN if it does not say so sensibly."""
    seconds = number(properties.get("seconds")) if isinstance(properties, Mapping) else math.nan
    return seconds if 0 < seconds <= MAX_SECONDS else math.nan


def key_of(value: Json) -> str | None:
    """Return `value` as the key of an item; None if it cannot be one.

    A whole number is the same key as its text: clients send 17 as well as "17".
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        value = str(value)
    if not isinstance(value, str):
        return None
    key = value.strip()
    return key if 0 < len(key) <= MAX_KEY and key.isprintable() else None


def number(value: Json) -> float:
    """Return a finite number that may come as a text; NaN for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    if isinstance(value, str) and len(value) > 40:
        return math.nan
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return math.nan
    return read if math.isfinite(read) else math.nan


def _mappings(properties: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """Return the products of an order, or the properties of an event of one item."""
    products: Any = properties.get("products")
    if isinstance(products, list | tuple):
        return [each for each in products[:MAX_PRODUCTS] if isinstance(each, Mapping)]
    return [properties]


def _key_in(said: Mapping[str, Json], name: str) -> str | None:
    for each in (name,) if name else _KEYS:
        value = said.get(each)
        if each == "path" and isinstance(value, str):
            value = re.split(r"[?#]", value, maxsplit=1)[0]
        if (key := key_of(value)) is not None:
            return key
    return None


def _amount(name: str, said: Mapping[str, Json]) -> float:
    if name == ENGAGED:
        return seconds_of(said)
    if name not in _MONEY:
        return math.nan
    quantity = number(said.get("quantity", 1))
    money = number(said.get("price")) * (1.0 if math.isnan(quantity) else quantity)
    return money if 0 <= money <= MAX_MONEY else math.nan
