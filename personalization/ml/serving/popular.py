"""What is popular now: who serves while no model does, and fills up what a model leaves open.

Of the newest events that concern items, each visitor counts once for an item, by what their
strongest event says, and half as much after a half-life. The half-life is half of the time
that these events took: an hour where there is much to see, days where there is little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import nsmallest
from typing import Final, NamedTuple

from personalization.events.models import Event
from personalization.ml.consenting import CONSENTS
from personalization.ml.feedback import item_events
from personalization.ml.item_events import ItemEvents
from personalization.ml.serving.kept import Kept
from personalization.types import JsonObject

#: How old the list may be.
FRESH: Final = timedelta(minutes=1)
#: So many events are counted, none of them older than the window.
EVENTS: Final = 5000
WINDOW: Final = timedelta(days=14)
LEAST_HALF_LIFE, MOST_HALF_LIFE = timedelta(hours=1), timedelta(days=3)


class Seen(NamedTuple):
    """An event that concerns items."""

    profile_id: int
    name: str
    properties: JsonObject
    at: datetime


@dataclass(frozen=True, eq=False)
class Popular:
    """Items with a score above 0: a `Ranking` that is the same for all."""

    ranked: Sequence[tuple[str, float]] = ()
    scores: Mapping[str, float] = field(default_factory=dict)

    def best(self, n: int) -> Sequence[tuple[str, float]]:
        return self.ranked[:n]

    def best_of(self, keys: tuple[str, ...], n: int) -> Sequence[tuple[str, float]]:
        known = [(key, self.scores[key]) for key in keys if key in self.scores]
        return nsmallest(n, known, key=_best_first)


def popular_of(seen: Sequence[Seen], *, events: ItemEvents, now: datetime) -> Popular:
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
    for (_, item), worth in strongest.items():
        totals[item] = totals.get(item, 0.0) + worth
    most = max(totals.values(), default=0.0)
    scores = {item: total / most for item, total in totals.items() if total > 0}
    return in_order(scores)


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
    return popular_of([Seen(*row) for row in rows], events=events, now=now)


_NONE: Final = timedelta(0)
_kept: Kept[Popular] = Kept(_read, fresh=FRESH)


def popular(*, now: datetime) -> Popular:
    """Return what is popular with visitors who agree to personalization (one query a minute)."""
    return _kept.at(now)


def forget() -> None:
    """Count anew (tests that roll the database back need it)."""
    _kept.forget()
