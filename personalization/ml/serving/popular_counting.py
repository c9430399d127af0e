"""Count what is popular: a function of what was done and of who is who now. Pure.

Each visitor counts once for an item, by what their strongest event says, and half as much after
a half-life. The half-life by which items are ranked is half of the time that the events took: an
hour where there is much to see, days where there is little. With all, how much was done is
counted with each of `HALF_LIVES` beside it, from which follows what rises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import Final, NamedTuple

from personalization.ml.item_events import ItemEvents
from personalization.ml.serving.popular import (
    HALF_LIVES,
    SURE,
    Count,
    Group,
    Popular,
    Worths,
    in_order,
)
from personalization.types import JsonObject

LEAST_HALF_LIFE, MOST_HALF_LIFE = timedelta(hours=1), timedelta(days=3)
#: Of fewer visitors who are in a segment nothing is told: it would be told of them.
VISITORS: Final = 10
_NONE: Final = timedelta(0)
_AT: Final = attrgetter("at")


class Seen(NamedTuple):
    """An event that concerns items."""

    profile_id: int
    name: str
    properties: JsonObject
    at: datetime


class Deed(NamedTuple):
    """The same as it counts: for each of these items by `weight`, 1 for a view."""

    profile_id: int
    items: tuple[str, ...]
    weight: float
    at: datetime


#: Profile → versions of the segments that it is in.
Memberships = Mapping[int, Collection[str]]
#: Profile and item → how much it did with it: by the half-life of the ranking, then by the others.
_Strongest = dict[tuple[int, str], Worths]


def popular_of(
    seen: Sequence[Seen],
    *,
    events: ItemEvents,
    now: datetime,
    memberships: Memberships = MappingProxyType({}),
) -> Popular:
    """Return what is popular by `seen`, in any order."""
    deeds = [
        Deed(
            one.profile_id,
            items_of(one.name, one.properties, events=events),
            events.weights.get(one.name, 0.0),
            one.at,
        )
        for one in seen
    ]
    return counted(deeds, now=now, memberships=memberships)


def items_of(name: str, properties: JsonObject, *, events: ItemEvents) -> tuple[str, ...]:
    """Return the keys of the items that an event concerns."""
    return tuple(concern.item for concern in events.read(name, properties))


def counted(
    deeds: Sequence[Deed], *, now: datetime, memberships: Memberships = MappingProxyType({})
) -> Popular:
    """Return what is popular by `deeds`, in any order."""
    if not deeds:
        return Popular()
    since = min(deed.at for deed in deeds)
    strongest = _strongest(deeds, now=now, half_lives=(half_life(now - since), *HALF_LIVES))
    totals = _totals(strongest)
    most = max((worths[0] for worths in totals.values()), default=0.0)
    in_all = in_order({item: each[0] / most for item, each in totals.items() if each[0] > 0})
    worths = {item: totals[item][1:] for item in in_all.scores}
    done = tuple(sum(each[at] for each in worths.values()) for at in range(len(HALF_LIVES)))
    return Popular(
        in_all.ranked,
        in_all.scores,
        _groups(strongest, memberships),
        Count(at=now, since=since, events=len(deeds), done=done, worths=worths),
    )


def half_life(span: timedelta) -> timedelta:
    """Return the half-life by which items are ranked whose events took `span`."""
    return min(max(span / 2, LEAST_HALF_LIFE), MOST_HALF_LIFE)


def _strongest(
    deeds: Iterable[Deed], *, now: datetime, half_lives: Sequence[timedelta]
) -> _Strongest:
    lives = [life.total_seconds() for life in half_lives]
    weights: dict[tuple[int, str], float] = {}
    found: _Strongest = {}
    # The latest first: what says no more than something later adds nothing to it.
    for profile, items, weight, at in sorted(deeds, key=_AT, reverse=True):
        age = max(now - at, _NONE).total_seconds()
        for item in items:
            pair = (profile, item)
            if weight <= weights.get(pair, 0.0):
                continue
            worths = tuple([weight * 0.5 ** (age / life) for life in lives])
            found[pair] = tuple(map(max, found[pair], worths)) if pair in found else worths
            weights[pair] = weight
    return found


def _totals(strongest: _Strongest) -> dict[str, Worths]:
    totals: dict[str, Worths] = {}
    for (_profile, item), worths in strongest.items():
        known = totals.get(item)
        totals[item] = worths if known is None else tuple(map(float.__add__, known, worths))
    return totals


def _groups(strongest: _Strongest, memberships: Memberships) -> dict[str, Group]:
    """Return what was done in the segments in which enough visitors did enough."""
    if not memberships:
        return {}
    visitors: Counter[str] = Counter()
    for profile in {profile for profile, _item in strongest}:
        visitors.update(memberships.get(profile, ()))
    told = {group for group, n in visitors.items() if n >= VISITORS}
    groups: dict[str, dict[str, float]] = {group: {} for group in told}
    for (profile, item), (worth, *_) in strongest.items():
        for group in memberships.get(profile, ()):
            if group in told:
                groups[group][item] = groups[group].get(item, 0.0) + worth
    worths = {group: sum(items.values()) for group, items in groups.items()}
    return {group: Group(worths[group], groups[group]) for group in told if worths[group] >= SURE}
