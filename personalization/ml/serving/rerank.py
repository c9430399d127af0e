"""What site owners say about a list, over what a model says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from personalization.ml.history import History
from personalization.ml.item_events import BOUGHT
from personalization.ml.serving.policy import Policy
from personalization.ml.serving.popular import Popular, in_order
from personalization.ml.serving.shelf import Shelf, ShelfItem

Action: TypeAlias = Literal["boost", "bury", "exclude", "pin"]
Target: TypeAlias = Literal["item", "kind", "category", "tag", "price"]

#: So many sets of rules that hold for somebody are kept worked out; fewer where there are so many
#: items that all of them together would be more than the second number.
MOST, MOST_ITEMS = 200, 500_000
LEAST: Final = 8
#: A boost and a bury of one factor are no boost, however they are rounded.
_ROUNDED: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Boosts, buries, excludes or pins items. `factor` is what scores are multiplied by to
    boost and divided by to bury; `position` is 1 for the first. A price is a range such as
    “10–50”, “50–” or “–20”, both ends included."""

    action: Action
    target: Target
    value: str
    factor: float = 2.0
    position: int = 1
    name: str = ""

    def matches(self, item: ShelfItem) -> bool:
        match self.target:
            case "item":
                return item.key == self.value
            case "kind":
                return item.kind == self.value
            case "category":
                return item.category == self.value
            case "tag":
                return self.value in item.tags
        low, high = price_range(self.value)
        return item.price is not None and low <= item.price <= high

    def keys(self, shelf: Shelf) -> tuple[str, ...]:
        """Return the keys of the items that it is about."""
        if self.target == "item":
            return (self.value,) if self.value in shelf.items else ()
        if self.target == "price":
            return shelf.priced(*price_range(self.value))
        return shelf.find(self.target, self.value)


class Candidate(NamedTuple):
    """An item that may be listed, with its score: 0 or more, the higher the better."""

    item: ShelfItem
    score: float


def price_range(value: str) -> tuple[Decimal, Decimal]:
    """Return the least and the most that are meant by “10–50”, “50–”, “–20” or “15”.

    :raises ValueError: if it is no range.
    """
    low, dash, high = value.replace("-", "–").partition("–")
    refusal = f"“{value}” is no range of prices, such as 10–50, 50– or –20."
    try:
        least = Decimal(low.strip() or "0")
        most = Decimal(high.strip() or "Infinity") if dash else least
    except InvalidOperation:
        raise ValueError(refusal) from None
    said = low.strip() or high.strip()
    if not said or not least.is_finite() or most.is_nan() or not 0 <= least <= most:
        raise ValueError(refusal)
    return least, most


def known_items(history: History, policy: Policy) -> frozenset[str]:
    """Return the items that are not listed because the visitor knows them."""
    if policy.seen == "keep":
        return frozenset()
    if policy.seen == "hide":
        return history.bought.union(history.items)
    return history.bought.union(step.item for step in history.steps if step.kind == BOUGHT)


@dataclass(frozen=True, eq=False)
class Listing:
    """What may be listed where some rules hold: worked out once for a shelf.

    `factors` are what scores are multiplied by, where that is not 1. `pins` are positions, from
    1 on, with the items of which the best one is to stand there. `boosted` are those with factors
    above 1, the greatest first, and of equal ones the newest.
    """

    items: Mapping[str, ShelfItem]
    factors: Mapping[str, float]
    pins: tuple[tuple[int, tuple[str, ...]], ...]
    boosted: tuple[str, ...] = ()
    _weighed: WeakKeyDictionary[Popular, Popular] = field(
        default_factory=WeakKeyDictionary, repr=False
    )

    def weighed(self, famous: Popular) -> Popular:
        """Return what is popular of it, with scores as the rules weigh them."""
        found = self._weighed.get(famous)
        if found is None:
            scores = {
                key: score * self.factors.get(key, 1.0)
                for key, score in famous.ranked
                if key in self.items
            }
            found = self._weighed[famous] = in_order(scores)
        return found


def listing_of(shelf: Shelf, *, rules: tuple[Rule, ...], kinds: tuple[str, ...] = ()) -> Listing:
    """Return what may be listed of the shelf; of given kinds, if any are given."""
    known = _listings.setdefault(shelf, {})
    found = known.get((rules, kinds))
    if found is None:
        if len(known) >= max(LEAST, min(MOST, MOST_ITEMS // max(len(shelf.items), 1))):
            known.clear()
        found = known[rules, kinds] = _listing(shelf, rules, kinds)
    return found


def _listing(shelf: Shelf, rules: tuple[Rule, ...], kinds: tuple[str, ...]) -> Listing:
    items = shelf.items
    if kinds:
        items = {key: items[key] for kind in kinds for key in shelf.find("kind", kind)}
    excluded = {key for rule in rules if rule.action == "exclude" for key in rule.keys(shelf)}
    if excluded:
        items = {key: one for key, one in items.items() if key not in excluded}
    factors: dict[str, float] = {}
    for rule in rules:
        if rule.action in ("boost", "bury"):
            factor = rule.factor if rule.action == "boost" else 1 / rule.factor
            for key in rule.keys(shelf):
                factors[key] = factors.get(key, 1.0) * factor
    factors = {key: each for key, each in factors.items() if abs(each - 1) > _ROUNDED}
    pins = [rule for rule in rules if rule.action == "pin"]
    return Listing(
        items,
        factors,
        tuple(
            (rule.position, tuple(key for key in rule.keys(shelf) if key in items))
            for rule in sorted(pins, key=lambda rule: rule.position)
        ),
        _boosted(shelf, {key: each for key, each in factors.items() if key in items and each > 1}),
    )


def _boosted(shelf: Shelf, factors: Mapping[str, float]) -> tuple[str, ...]:
    """Return the items of these factors, the greatest first, and of equal ones the newest."""
    if not factors:
        return ()
    newest = [key for key in shelf.newest if key in factors]
    in_order = dict.fromkeys((*newest, *sorted(factors)))
    return tuple(sorted(in_order, key=factors.__getitem__, reverse=True))


_listings: WeakKeyDictionary[Shelf, dict[tuple[tuple[Rule, ...], tuple[str, ...]], Listing]] = (
    WeakKeyDictionary()
)
