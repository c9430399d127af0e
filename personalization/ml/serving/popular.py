"""What is popular now: who serves while no model does, and fills up what a model leaves open.

Of the newest events that concern items, each visitor counts once for an item, by what their
strongest event says, and half as much after a half-life. The half-life is half of the time
that these events took: an hour where there is much to see, days where there is little.

What is popular in a segment is what its members did, and as far as they did little, what all
did: `SURE` says how much of it all are worth.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from heapq import nsmallest
from types import MappingProxyType
from typing import Final, NamedTuple

from personalization.clock import microseconds
from personalization.events.models import Event
from personalization.ml.consenting import CONSENTS
from personalization.ml.feedback import item_events
from personalization.ml.item_events import ItemEvents
from personalization.ml.serving.kept import Kept
from personalization.profiles.models import Snapshot
from personalization.types import JsonObject

#: How old the list may be.
FRESH: Final = timedelta(minutes=1)
#: So many events are counted, none of them older than the window.
EVENTS: Final = 5000
WINDOW: Final = timedelta(days=14)
LEAST_HALF_LIFE, MOST_HALF_LIFE = timedelta(hours=1), timedelta(days=3)
#: So many views of its members are worth as much as what is popular with all; a segment in
#: which less was done says nothing of its own.
SURE: Final = 20.0


class Seen(NamedTuple):
    """An event that concerns items."""

    profile_id: int
    name: str
    properties: JsonObject
    at: datetime


@dataclass(frozen=True, eq=False)
class Popular:
    """Items with a score above 0: a `Ranking` that is the same for all.

    `groups` has what the members of each segment did, by the version of its rule: item → worth.
    """

    ranked: Sequence[tuple[str, float]] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    #: What was asked for: kept with this count, so that it is made once.
    _parts: dict[object, Popular] = field(default_factory=dict, repr=False)

    def best(self, n: int) -> Sequence[tuple[str, float]]:
        return self.ranked[:n]

    def best_of(self, keys: tuple[str, ...], n: int) -> Sequence[tuple[str, float]]:
        known = [(key, self.scores[key]) for key in keys if key in self.scores]
        return nsmallest(n, known, key=_best_first)

    def among(self, groups: Collection[str]) -> Popular:
        """Return what is popular with who is in these segments too: in the one of them in which
        least was done, if that is enough; else with all."""
        enough = [(self._enough[group], group) for group in groups if group in self._enough]
        if not enough:
            return self
        worth, group = min(enough)
        if group not in self._parts:
            self._parts[group] = self._shrunk(self.groups[group], worth)
        return self._parts[group]

    @cached_property
    def _enough(self) -> Mapping[str, float]:
        """How much was done in the segments in which enough was."""
        done = {group: sum(totals.values()) for group, totals in self.groups.items()}
        return {group: worth for group, worth in done.items() if worth >= SURE}

    def of(self, keys: Collection[str], *, name: str) -> Popular:
        """Return what is popular of some items; `name` is what they have in common."""
        part = self._parts.get((name, len(keys)))
        if part is None:
            scores = {key: self.scores[key] for key in keys if key in self.scores}
            part = self._parts[name, len(keys)] = in_order(scores)
        return part

    def _shrunk(self, totals: Mapping[str, float], worth: float) -> Popular:
        everything = sum(self.scores.values())
        shares = {
            item: (totals.get(item, 0.0) + SURE * score / everything) / (worth + SURE)
            for item, score in self.scores.items()
        }
        most = max(shares.values())
        return in_order({item: share / most for item, share in shares.items()})


#: Profile → versions of the segments that it is in.
Memberships = Mapping[int, Collection[str]]


def popular_of(
    seen: Sequence[Seen],
    *,
    events: ItemEvents,
    now: datetime,
    memberships: Memberships = MappingProxyType({}),
) -> Popular:
    """Return what is popular by `seen`, in any order."""
    if not seen:
        return Popular()
    span = now - min(one.at for one in seen)
    half_life = min(max(span / 2, LEAST_HALF_LIFE), MOST_HALF_LIFE)
    strongest: dict[tuple[int, str], float] = {}
    for one in seen:
        worth = events.weights.get(one.name, 0.0) * 0.5 ** (max(now - one.at, _NONE) / half_life)
        for concern in events.read(one.name, one.properties):
            pair = (one.profile_id, concern.item)
            strongest[pair] = max(strongest.get(pair, 0.0), worth)
    totals: dict[str, float] = {}
    groups: dict[str, dict[str, float]] = {}
    for (profile, item), worth in strongest.items():
        totals[item] = totals.get(item, 0.0) + worth
        for group in memberships.get(profile, ()):
            of_group = groups.setdefault(group, {})
            of_group[item] = of_group.get(item, 0.0) + worth
    most = max(totals.values(), default=0.0)
    scores = {item: total / most for item, total in totals.items() if total > 0}
    return replace(in_order(scores), groups=groups)


def in_order(scores: Mapping[str, float]) -> Popular:
    """Return what is popular by these scores; equal ones by key."""
    return Popular(tuple(sorted(scores.items(), key=_best_first)), scores)


def _best_first(pair: tuple[str, float]) -> tuple[float, str]:
    return -pair[1], pair[0]


def _read(before: Popular | None, now: datetime) -> Popular:
    events = item_events()
    names = [name for name in events.names if events.weights[name] > 0]
    rows = (
        Event.objects.filter(
            name__in=sorted(names),
            timestamp__gte=now - WINDOW,
            **{f"identity__profile__snapshot__{CONSENTS}": True},
        )
        .order_by("-timestamp")
        .values_list("identity__profile", "name", "properties", "timestamp")[:EVENTS]
    )
    seen = [Seen(*row) for row in rows]
    return popular_of(seen, events=events, now=now, memberships=_memberships(seen, now=now))


def _memberships(seen: Sequence[Seen], *, now: datetime) -> Memberships:
    """Return which segments those are in who did something, as their snapshots say it."""
    at = microseconds(now)
    rows = Snapshot.objects.filter(pk__in={one.profile_id for one in seen})
    return {
        profile: [
            version
            for version, (since, until, *_) in memberships.items()
            if since is not None and since <= at and (until is None or at < until)
        ]
        for profile, memberships in rows.values_list("pk", "memberships")
        if memberships
    }


_NONE: Final = timedelta(0)
_kept: Kept[Popular] = Kept(_read, fresh=FRESH)


def popular(*, now: datetime) -> Popular:
    """Return what is popular with visitors who agree to personalization (two queries a minute)."""
    return _kept.at(now)


def forget() -> None:
    """Count anew (tests that roll the database back need it)."""
    _kept.forget()
