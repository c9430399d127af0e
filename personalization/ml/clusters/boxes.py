"""A shallow tree as conditions: each way that leads inside is a box of bounds, and boxes that
touch become one.

Nothing is lost: whoever the tree says is inside fulfils the conditions, and nobody else does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from personalization.ml.clusters.shallow import Leaf, Tree
from personalization.rules.writing import any_of, group, rule
from personalization.types import JsonObject


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Which values of a column are meant: above `above` and at most `most`, and unknown ones if
    `or_unknown`."""

    above: float = -math.inf
    most: float = math.inf
    or_unknown: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no known value is meant."""
        return self.above >= self.most


ANYTHING = Bounds(or_unknown=True)
#: Column → its bounds; whatever is not in it may have any value.
Box: TypeAlias = Mapping[int, Bounds]


class Speaker(Protocol):
    """Puts conditions on one column into the rule language."""

    def at_most(self, value: float) -> JsonObject: ...

    def above(self, value: float) -> JsonObject: ...

    def known(self) -> JsonObject: ...

    def unknown(self) -> JsonObject: ...


def rule_of(tree: Tree, speaker: Callable[[int], Speaker]) -> JsonObject | None:
    """Return the rule (as it is stored) that says what the tree says; None for a tree that asks
    nothing, or lets nobody in."""
    if isinstance(tree, Leaf):
        return None
    boxes = merged(list(boxes_of(tree, {})))
    if not boxes or not all(boxes):
        return None
    common = {
        column: bounds
        for column, bounds in boxes[0].items()
        if all(box.get(column) == bounds for box in boxes)
    }
    special = [{c: b for c, b in box.items() if c not in common} for box in boxes]
    always = list(_conditions(common, speaker))
    # A box without anything of its own lets in whoever the others do.
    if not all(special):
        return rule(*always)
    ways = [_together(list(_conditions(box, speaker))) for box in special]
    if not always:
        return rule(*ways, combinator="or")
    return rule(*always, any_of(*ways))


def boxes_of(tree: Tree, box: Box) -> Iterator[Box]:
    """Yield the boxes of the ways inside from here on, where `box` led to."""
    if isinstance(tree, Leaf):
        if tree.inside:
            yield box
        return
    here = box.get(tree.column, ANYTHING)
    low = Bounds(
        above=here.above,
        most=min(here.most, tree.threshold),
        or_unknown=here.or_unknown and tree.missing == "low",
    )
    high = Bounds(
        above=max(here.above, tree.threshold),
        most=here.most,
        or_unknown=here.or_unknown and tree.missing == "high",
    )
    for bounds, part in ((low, tree.low), (high, tree.high)):
        if not bounds.is_empty or bounds.or_unknown:
            rest = {column: each for column, each in box.items() if column != tree.column}
            # Above nothing that is known, a question may ask nothing.
            here_on = rest if bounds == ANYTHING else {**rest, tree.column: bounds}
            yield from boxes_of(part, here_on)


def merged(boxes: list[Box]) -> list[Box]:
    """Return boxes of the same content, as few as come of joining those that touch."""
    while (pair := _touching(boxes)) is not None:
        one, other, both = pair
        rest = [box for place, box in enumerate(boxes) if place not in (one, other)]
        boxes = [*rest[:one], both, *rest[one:]]
    return boxes


def _touching(boxes: Sequence[Box]) -> tuple[int, int, Box] | None:
    for one in range(len(boxes)):
        for other in range(one + 1, len(boxes)):
            both = _union(boxes[one], boxes[other])
            if both is not None:
                return one, other, both
    return None


def _union(one: Box, other: Box) -> Box | None:
    """Return the box of what is in either, if it is one."""
    columns = one.keys() | other.keys()
    differ = [c for c in columns if one.get(c, ANYTHING) != other.get(c, ANYTHING)]
    if len(differ) > 1:
        return None
    if not differ:
        return one
    column = differ[0]
    both = _joined(one.get(column, ANYTHING), other.get(column, ANYTHING))
    if both is None:
        return None
    rest = {c: bounds for c, bounds in one.items() if c != column}
    return rest if both == ANYTHING else {**rest, column: both}


def _joined(one: Bounds, other: Bounds) -> Bounds | None:
    """Return the bounds of what is in either, unless there is a gap between them."""
    or_unknown = one.or_unknown or other.or_unknown
    if one.is_empty or other.is_empty:
        return replace(other if one.is_empty else one, or_unknown=or_unknown)
    first, second = sorted((one, other), key=lambda bounds: bounds.above)
    if second.above > first.most:
        return None
    return Bounds(above=first.above, most=max(first.most, second.most), or_unknown=or_unknown)


def _conditions(box: Box, speaker: Callable[[int], Speaker]) -> Iterator[JsonObject]:
    for column, bounds in sorted(box.items()):
        speak = speaker(column)
        if bounds.is_empty and bounds.or_unknown:
            yield speak.unknown()  # bounds may be infinite here, which nothing can say
            continue
        said = []
        if bounds.above > -math.inf:
            said.append(speak.above(bounds.above))
        if bounds.most < math.inf:
            said.append(speak.at_most(bounds.most))
        if not bounds.or_unknown:
            yield from said or [speak.known()]
        else:
            yield any_of(_together(said), speak.unknown())


def _together(conditions: list[JsonObject]) -> JsonObject:
    return conditions[0] if len(conditions) == 1 else group(*conditions)
