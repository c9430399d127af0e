"""Why an item is in a list, in words for the visitor. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from personalization.ml.history import History, Step
from personalization.ml.serving.rerank import BOUGHT
from personalization.ml.serving.shelf import ShelfItem

Code = Literal[
    "viewed", "added", "bought", "related", "popular", "new", "pinned", "other", "chosen"
]

#: Of so many items that the visitor was occupied with last, the one is named that says most.
LAST: Final = 3
#: What an item counts for that was looked at before the last one, again for each one more.
_FADING: Final = 0.8
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


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` is for programs; `item` is the one that led to it, if one did."""

    code: Code
    item: ShelfItem | None = None

    def __str__(self) -> str:
        return str(_WORDS[self.code]) % {"title": str(self.item or "")}


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
    similar: Mapping[str, Mapping[str, float]],
    items: Mapping[str, ShelfItem],
) -> Reason | None:
    """Return the step that says most for the item `key`, as a reason; None if none says anything.

    `similar` has the scores that each item of the steps alone gives to others.
    """
    best, most = None, 0.0
    for age, step in enumerate(steps):
        weight = similar.get(step.item, {}).get(key, 0.0) * _FADING**age
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
