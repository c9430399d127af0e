"""Why an item is in a list, in words for the visitor. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from personalization.ml.history import History, Step
from personalization.ml.item_events import BOUGHT
from personalization.ml.serving.popular import Popular
from personalization.ml.serving.ranking import ABOUT, Personal
from personalization.ml.serving.shelf import ShelfItem

Code = Literal[
    "viewed", "added", "bought", "related", "popular", "new", "pinned", "other", "chosen"
]

#: Of so many items that the visitor was occupied with last, the one is named that says most.
LAST: Final = 3
#: So many of the most popular items are called so, and of few items no more than a share.
_MOST_FAMOUS: Final = 20
_SHARE_FAMOUS: Final = 0.1
#: What popular items have to owe to the history of their scores, to be called due to it.
_HALF: Final = 0.5
#: What an item counts for: less than the one that was looked at after it.
_FADED: Final = tuple(0.8**age for age in range(LAST))
_ADDED: Final = frozenset(
    {"Product Added", "Wishlist Product Added to Cart", "Product Added to Wishlist"}
)
_WORDS: Final[Mapping[str, str | Promise]] = {
    "viewed": _("Because you looked at %(title)s"),
    "added": _("Because you chose %(title)s"),
    "bought": _("Because you bought %(title)s"),
    "related": _("Goes with %(title)s"),
    "popular": _("Popular now"),
    "new": _("New"),
    "pinned": _("Recommended by us"),
    "other": _("Something different"),
    "chosen": _("Chosen for you"),
}


_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` is for programs; `item` is the one that led to it, if one did."""

    code: Code
    item: ShelfItem | None = None

    def __str__(self) -> str:
        return str(_WORDS[self.code]) % {"title": str(self.item or "")}


class Reasons:
    """Why the items of a list are in it.

    Without `personal`, no model has a say. `page` is what the page is about, "" for nothing.
    """

    def __init__(
        self, history: History, personal: Personal | None, *, items: Mapping[str, ShelfItem],
        famous: Popular, page: str = "",
    ) -> None:  # fmt: skip
        self._personal = personal
        self._items = items
        self._known = famous.scores
        self._page = page
        self._steps = leading(history) if personal is not None else []
        #: What may be named → what it adds to the scores of items.
        self._led = {
            item: personal.led_by(item)
            for item in (page, *(step.item for step in self._steps))
            if item in items and personal is not None
        }
        n = min(_MOST_FAMOUS, ceil(_SHARE_FAMOUS * len(items)))
        self._famous = frozenset(key for key, _ in famous.best(n))

    def of(self, key: str, *, is_pinned: bool = False, by_chance: bool = False) -> Reason:
        """Return the reason for the item `key`: what its score is due to most."""
        if is_pinned:
            return Reason("pinned")
        share = self._personal.share_of(key) if self._personal is not None else 0.0
        is_famous = key in self._famous
        because = self._because(key) if share > (_HALF if is_famous else 0) else None
        if because is not None:
            return because
        if is_famous:
            return Reason("popular")
        if by_chance:
            return Reason("other")
        if share > 0:
            return Reason("chosen")
        return Reason("popular" if key in self._known else "new")

    def _because(self, key: str) -> Reason | None:
        """Return the step that says more for the item than what the page is about, or that."""
        goes = (1 + ABOUT) * self._led.get(self._page, _NOTHING).get(key, 0.0)
        because = led_by(key, self._steps, led=self._led, items=self._items, above=goes)
        if because is None and goes > 0:
            return Reason("related", self._items[self._page])
        return because


def leading(history: History) -> list[Step]:
    """Return the steps that may be named, one for each item, the last one first.

    Of an item that was bought, that counts, and not that it was looked at.
    """
    found: dict[str, Step] = {}
    for step in reversed(history.steps):
        known = found.get(step.item)
        if len(found) < LAST if known is None else _strength(step) > _strength(known):
            found[step.item] = step
    return list(found.values())


def led_by(
    key: str,
    steps: Sequence[Step],
    *,
    led: Mapping[str, Mapping[str, float]],
    items: Mapping[str, ShelfItem],
    above: float = 0.0,
) -> Reason | None:
    """Return the step that says most for the item `key`, as a reason; None if none says more than
    `above`.

    `steps` are those that may be named, the last one first; `led` has what each item of them adds
    to the scores of others.
    """
    best, most = None, above
    for step, faded in zip(steps, _FADED, strict=False):
        weight = led.get(step.item, _NOTHING).get(key, 0.0) * faded
        if weight > most and step.item in items and step.item != key:
            best, most = step, weight
    if best is None:
        return None
    return Reason(_code(best), items[best.item])


def _code(step: Step) -> Code:
    if step.kind == BOUGHT:
        return "bought"
    return "added" if step.kind in _ADDED else "viewed"


def _strength(step: Step) -> int:
    return ("viewed", "added", "bought").index(_code(step))
