"""What one visitor did with items, from their events in the order of time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from personalization.ml.item_events import (
    ENGAGED,
    QUICK,
    QUICK_EXIT,
    Concern,
    ItemEvents,
    is_view,
    seconds_of,
)
from personalization.profiles.visits import Span, joined
from personalization.types import JsonObject


class Happened(NamedTuple):
    """An event as it is read; `path` is that of the page it was sent from, if it says so."""

    at: datetime
    message_id: str
    name: str
    properties: JsonObject
    path: str | None = None


class Done(NamedTuple):
    """One thing done with one item. `visit` counts the visits of this visitor."""

    visit: int
    concern: Concern
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Window:
    """From when until when events are read (`until` is not in it), and the gap of visits."""

    since: datetime
    until: datetime
    gap: timedelta


def visits_of(
    instants: Sequence[datetime], stored: Sequence[Span], *, gap: timedelta
) -> list[Span]:
    """Return the visits in the order of time: those stored, with instants that are in none."""
    starts = [span.start for span in stored]
    loose = []
    for at in instants:
        index = bisect_right(starts, at) - 1
        if index < 0 or at > stored[index].end:
            loose.append(Span(at, at))
    return joined([*stored, *loose], gap=gap) if loose else list(stored)


def journey(
    happened: Iterable[Happened], stored: Sequence[Span], *, events: ItemEvents, window: Window
) -> Iterator[Done]:
    """Yield what was done with items, in the order of time.

    `stored` are the visits as they are known, in the order of time. Time spent on a page
    (`Engaged`) is time spent with the item that was viewed there last. A visit that ended so
    within ten seconds ended in a quick exit: that is told in place of the time.
    """
    ordered = sorted(happened, key=lambda event: (event.at, event.message_id))
    visits = visits_of([event.at for event in ordered], stored, gap=window.gap)
    starts = [visit.start for visit in visits]
    here = _Visit(-1, None)
    for event in ordered:
        index = bisect_right(starts, event.at) - 1
        if index != here.index:
            here = _Visit(index, _end(visits[index], window))
        for concern in _concerns(event, here, events):
            yield Done(index, concern, event.at)


def _end(visit: Span, window: Window) -> datetime | None:
    """Return when the visit ended; None if it was not over, or not all of it is read."""
    is_whole = window.since <= visit.start and visit.end + window.gap <= window.until
    return visit.end if is_whole else None


@dataclass(slots=True)
class _Visit:
    index: int
    end: datetime | None
    #: The items viewed in it, the last one last, with the page they were viewed on.
    viewed: list[tuple[str, str | None]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def item_on(self, path: str | None) -> str | None:
        """Return what was viewed last on the page; where none is said, last of all."""
        for item, page in reversed(self.viewed):
            if page == path or page is None or path is None:
                return item
        return None


def _concerns(event: Happened, here: _Visit, events: ItemEvents) -> Iterator[Concern]:
    concerns = events.read(event.name, event.properties)
    if event.name != ENGAGED:
        if len(concerns) == 1 and is_view(event.name):
            here.viewed.append((concerns[0].item, event.path))
        yield from concerns
        return
    seconds = seconds_of(event.properties)
    item = concerns[0].item if concerns else here.item_on(event.path)
    if item is None or math.isnan(seconds):
        return
    here.seconds[item] = here.seconds.get(item, 0.0) + seconds
    if event.at == here.end and here.seconds[item] < QUICK and QUICK_EXIT in events.weights:
        yield Concern(item, QUICK_EXIT, here.seconds[item])
    else:
        yield Concern(item, ENGAGED, seconds)
