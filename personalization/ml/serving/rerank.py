"""What site owners say about a list, over what a model says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, TypeAlias

from personalization.ml.history import History
from personalization.ml.serving.policy import Policy
from personalization.ml.serving.shelf import Shelf, ShelfItem

Action: TypeAlias = Literal["boost", "bury", "exclude", "pin"]
Target: TypeAlias = Literal["item", "kind", "category", "tag", "price"]

#: The event by which a visitor has an item for good.
BOUGHT: Final = "Order Completed"
#: Of more items that a rule is about, those that came last are looked at.
MOST: Final = 2000


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

    def keys(self, shelf: Shelf) -> Sequence[str]:
        """Return the keys of the items that it is about, `MOST` of them at most."""
        if self.target == "item":
            return (self.value,) if self.value in shelf.items else ()
        if self.target == "price":
            return [key for key, one in shelf.items.items() if self.matches(one)][:MOST]
        return shelf.find(self.target, self.value)[:MOST]


@dataclass(frozen=True, slots=True)
class Candidate:
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
    return frozenset(
        step.item for step in history.steps if policy.seen == "hide" or step.kind == BOUGHT
    )


def may_be_listed(item: ShelfItem, *, policy: Policy, rules: Iterable[Rule]) -> bool:
    """Return whether the place lists such items, and no rule excludes this one."""
    if policy.kinds and item.kind not in policy.kinds:
        return False
    return not any(rule.action == "exclude" and rule.matches(item) for rule in rules)


def weighed(candidates: Iterable[Candidate], *, rules: Iterable[Rule]) -> list[Candidate]:
    """Return the candidates with scores as rules boost and bury them, the best first; equal
    ones by key."""
    turning = [rule for rule in rules if rule.action in ("boost", "bury")]
    found = [_weighed(one, turning) for one in candidates] if turning else list(candidates)
    return sorted(found, key=lambda one: (-one.score, one.item.key))


def _weighed(candidate: Candidate, rules: Sequence[Rule]) -> Candidate:
    score = candidate.score
    for rule in rules:
        if rule.matches(candidate.item):
            score = score * rule.factor if rule.action == "boost" else score / rule.factor
    return candidate if score == candidate.score else replace(candidate, score=score)


def pinned(
    candidates: Sequence[Candidate], *, rules: Iterable[Rule], n: int
) -> dict[int, Candidate]:
    """Return position, from 1 on, → the best candidate that a rule pins there, of `n` at most.

    Of two rules for one position, the second gets the next one that is free.
    """
    places: dict[int, Candidate] = {}
    taken: set[str] = set()
    pins = [rule for rule in rules if rule.action == "pin"]
    for rule in sorted(pins, key=lambda rule: rule.position):
        free = next((at for at in range(rule.position, n + 1) if at not in places), None)
        fitting = (one for one in candidates if rule.matches(one.item))
        best = next((one for one in fitting if one.item.key not in taken), None)
        if free is not None and best is not None:
            places[free] = best
            taken.add(best.item.key)
    return places
