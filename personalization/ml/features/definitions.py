"""What features are computed of, in which unit and range: what models may learn from.

A site adds its own in the `ready` of one of its apps:

    features.register("wishlist.share")(
        Definition(
            label="share of products put on the wish list",
            value=lambda past: ratio(past.last().n({WISHED}), past.last().n({VIEWED})),
            description="Events “Product Added to Wishlist” per “Product Viewed”.",
        )
    )

A definition sees the past of one profile at one instant (past.py) and nothing later. Whoever
changes what it computes raises its `revision`: the version of a set of definitions, kept with
every model, is a digest of what is said here.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from personalization.exceptions import PersonalizationError
from personalization.ml.features.past import Past
from personalization.ml.symbols import THEN
from personalization.profiles import features as counted
from personalization.registry import Registry
from personalization.types import Microseconds

#: What a feature of a path begins with.
PATH: Final = "path:"
#: Days that features of paths look back, and steps that they have at most.
PATH_DAYS: Final = 30
MOST_STEPS: Final = 4
#: What profiles count and models do not see: visits are counted of the past itself, and the
#: points of the score are edited, of which no model would know.
_NOT_COUNTED: Final = frozenset({counted.VISITS, counted.INTEREST})
_OF_DAYS = re.compile(r"(.+)\.([1-9]\d{0,2})d")


class UnknownFeature(PersonalizationError):
    """No feature has this name."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One feature: `value` computes it of a past, NaN where there is nothing to compute it of.

    It lies between `least` and `most`. `description` says which events it is computed of.
    """

    label: str
    value: Callable[[Past], float]
    description: str
    unit: str = ""
    least: float = 0.0
    most: float = math.inf
    revision: int = 1


#: Name → definition of the features that are not made of their name.
features: Registry[Definition] = Registry("model feature")


def definition_of(name: str) -> Definition:
    """Return the definition of a feature.

    Beside those that are registered there is, for each feature `x` that profiles count, `x` and
    `x.7d` for any number of days up to 999, and `path:a > b` for any steps.

    :raises UnknownFeature: naming those that are nearest to it.
    """
    if (found := features.get(name)) is not None:
        return found
    if name.startswith(PATH):
        return _of_path(tuple(name.removeprefix(PATH).split(THEN)))
    of_days = _OF_DAYS.fullmatch(name)
    base, days = (of_days[1], int(of_days[2])) if of_days else (name, None)
    if base in counted_names():
        return _of_counted(base, days)
    known = (*features.names(), *counted_names())
    family = [each for each in known if each.split(".")[0] == name.split(".")[0]]
    raise UnknownFeature(
        f"There is no feature “{name}”; allowed: {', '.join(family or known)}, {PATH}…."
    )


def counted_names() -> tuple[str, ...]:
    """Return the features that profiles count and models learn from."""
    return tuple(name for name in counted.definitions.names() if name not in _NOT_COUNTED)


def path_feature(steps: Sequence[str]) -> str:
    """Return the name of the feature that counts these steps one after another."""
    return PATH + THEN.join(steps)


def _of_counted(name: str, days: int | None) -> Definition:
    known = counted.definitions.get(name)
    assert known is not None
    scale = known.scale
    return Definition(
        label=known.label if days is None else f"{known.label}, {days} days",
        value=lambda past: past.last(days).sums[name] / scale,
        description=known.description if days is None else f"As “{name}”, of the last {days} days.",
        unit=known.unit,
    )


def _of_path(steps: tuple[str, ...]) -> Definition:
    if not all(steps) or len(steps) > MOST_STEPS:
        raise UnknownFeature(
            f"“{path_feature(steps)}” has {len(steps)} steps; allowed: 1 to {MOST_STEPS}, each of "
            "them named."
        )
    return Definition(
        label=" → ".join(steps),
        value=lambda past: past.grams(len(steps), days=PATH_DAYS)[steps],
        description=f"How often this happened one after another within a visit, in {PATH_DAYS} "
        "days; steps are types of pages and names of events.",
    )


def version_of(names: Sequence[str], *, gap: Microseconds, zone: str) -> str:
    """Return a digest of the definitions of all `names`, whatever their order.

    `gap` (of visits, µs) and `zone` (of hours and days) are part of what they say.

    :raises UnknownFeature: for a name that there is not.
    """
    said = [
        [name, each.revision, each.unit, str(each.least), str(each.most), each.description]
        for name in sorted(names)
        for each in [definition_of(name)]
    ]
    return hashlib.sha256(json.dumps([said, gap, zone]).encode()).hexdigest()[:20]
