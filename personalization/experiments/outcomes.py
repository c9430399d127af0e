"""What a metric is for each visitor: what they did after they were first exposed, and before.

What counts for an exposure at `at` happened after it, and at most the window of the metric
later; of what is not over yet, what happened so far. Values do not depend on the order in which
events came, to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from personalization.clock import microseconds, moment, span
from personalization.events.catalogue import RECOMMENDATION_SHOWN, SLOT_CLICKED, SLOT_SHOWN
from personalization.events.models import Event
from personalization.experiments.exposures import CHUNK, Doubles, Numbers
from personalization.experiments.models import USUAL_WINDOW, Metric
from personalization.profiles.models import Visit
from personalization.types import Microseconds

ENGAGED: Final = "Engaged"
VIEWS: Final = ("Page Viewed", "Screen Viewed")
_SHOWN: Final = (SLOT_SHOWN, RECOMMENDATION_SHOWN)
#: No worth is larger; what is, was no number that anybody meant.
_LARGEST: Final = 1e12
_SECOND: Final = 1_000_000

Kind = Metric.Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """A value for each exposure, in the order asked; for a ratio, `per` is what it is divided by.

    `open` is the share of exposures whose window has not ended.
    """

    values: Doubles
    per: Doubles | None = None
    open: float = 0.0


def window_of(metric: Metric) -> timedelta:
    """Return how long after an exposure it counts."""
    if metric.within is not None:
        return metric.within
    return metric.goal.within if metric.goal is not None else USUAL_WINDOW


def events_of(metric: Metric) -> frozenset[str]:
    """Return the names of the events that a metric is made of."""
    if metric.kind == Kind.CLICK_THROUGH:
        return frozenset({SLOT_CLICKED, *_SHOWN})
    if metric.kind == Kind.ENGAGED_TIME:
        return frozenset({ENGAGED})
    if metric.kind in (Kind.BOUNCE, Kind.RETURN_VISIT):  # visits, which views tell of
        return frozenset(VIEWS)
    goals = (metric.goal, metric.per if metric.kind == Kind.RATIO else None)
    return frozenset(goal.event for goal in goals if goal is not None)


def values_of(
    metric: Metric, *, profiles: Numbers, at: Numbers, until: datetime, place: str = ""
) -> Values:
    """Return what `metric` is for each exposure: of a profile, `at` in microseconds.

    A profile may be there several times. Nothing counts that happened at `until` or later.
    `place` is the slot or list that clicks are counted in; empty: all of them. A query for 2000
    exposures, two where visits are looked at.
    """
    end, within = microseconds(until), span(window_of(metric))
    spans = [
        Span(profile, instant, min(instant + within, end - 1), is_after=True)
        for profile, instant in zip(profiles.tolist(), at.tolist(), strict=True)
    ]
    is_open = float(np.mean(at + within >= end)) if len(at) else 0.0
    return _values(metric, spans, place=place, is_open=is_open)


def values_before(
    metric: Metric, *, profiles: Numbers, at: Numbers, within: timedelta, place: str = ""
) -> Values:
    """Return the same of what was done in the time `within` before each exposure: what CUPED
    takes out, for it can be no effect of it."""
    spans = [
        Span(profile, instant - span(within) - 1, instant - 1, is_after=False)
        for profile, instant in zip(profiles.tolist(), at.tolist(), strict=True)
    ]
    return _values(metric, spans, place=place, is_open=0.0)


# -- spans -----------------------------------------------------------------------------------


class Span(NamedTuple):
    """What counts for an exposure: what its profile did after `low` and not after `high`."""

    profile: int
    low: Microseconds
    high: Microseconds
    is_after: bool


class _Read(NamedTuple):
    """What an event adds to the values of a span, and to what they are divided by."""

    value: float | None
    per: int


#: Exposures by profile: the place among all, and the span.
_Spans: TypeAlias = Mapping[int, list[tuple[int, Span]]]


def _values(metric: Metric, spans: list[Span], *, place: str, is_open: float) -> Values:
    values, per = np.zeros(len(spans)), np.zeros(len(spans))
    order = sorted(range(len(spans)), key=lambda which: spans[which].low)  # near in time together
    added = _of_visits if metric.kind in (Kind.BOUNCE, Kind.RETURN_VISIT) else _of_events
    for begin in range(0, len(order), CHUNK):
        chunk: dict[int, list[tuple[int, Span]]] = {}
        for which in order[begin : begin + CHUNK]:
            chunk.setdefault(spans[which].profile, []).append((which, spans[which]))
        summed: dict[int, list[float]] = {}
        for which, read in added(metric, chunk, place):
            per[which] += read.per
            if read.value is not None:
                summed.setdefault(which, []).append(read.value)
        for which, each in summed.items():
            values[which] = fsum(each)  # exact, in whatever order they are read
    if metric.kind in (Kind.CONVERSION, Kind.RETURN_VISIT):
        values = np.minimum(values, 1.0)
    is_ratio = metric.kind in (Kind.RATIO, Kind.CLICK_THROUGH, Kind.BOUNCE)
    return Values(values=values, per=per if is_ratio else None, open=is_open)


def _bounds(chunk: _Spans) -> tuple[datetime, datetime]:
    """Return from when until when something counts for one of the spans, both included."""
    spans = [one for some in chunk.values() for _, one in some]
    return moment(min(one.low for one in spans)), moment(max(one.high for one in spans))


# -- events ----------------------------------------------------------------------------------


def _of_events(metric: Metric, chunk: _Spans, place: str) -> Iterator[tuple[int, _Read]]:
    names, (first, last) = events_of(metric), _bounds(chunk)
    columns = ["identity__profile_id", "name", "timestamp"]
    if has_properties := _reads_properties(metric):
        columns.append("properties")
    rows = Event.objects.filter(
        identity__profile__in=list(chunk),
        name__in=sorted(names),
        timestamp__gte=first,
        timestamp__lte=last,
    ).values_list(*columns)
    for profile, name, at, *rest in rows.iterator(chunk_size=CHUNK):
        properties = rest[0] if has_properties and isinstance(rest[0], Mapping) else {}
        read, instant = _read(metric, name, properties, place), microseconds(at)
        if read is None:
            continue
        for which, one in chunk[profile]:
            # What was shown at the very instant is the exposure itself, which can be clicked.
            is_own = one.is_after and instant == one.low and name in _SHOWN
            if (one.low < instant or is_own) and instant <= one.high:
                yield which, read


def _reads_properties(metric: Metric) -> bool:
    if metric.kind in (Kind.CLICK_THROUGH, Kind.ENGAGED_TIME):
        return True
    worth = metric.goal.value_property if metric.goal is not None else ""
    return metric.kind in (Kind.VALUE, Kind.RATIO) and bool(worth)


def _read(metric: Metric, name: str, properties: Mapping[str, Any], place: str) -> _Read | None:
    """Return what an event adds; None: nothing, as for a worth that is no number."""
    if metric.kind == Kind.CLICK_THROUGH:
        if place and properties.get("place" if name == RECOMMENDATION_SHOWN else "slot") != place:
            return None
        return _Read(1.0, 0) if name == SLOT_CLICKED else _Read(None, 1)
    if metric.kind == Kind.ENGAGED_TIME:
        seconds = _number(properties.get("seconds"))
        return None if seconds is None or seconds < 0 else _Read(seconds, 0)
    goal = metric.goal
    value: float | None = None
    if goal is not None and name == goal.event:
        value = 1.0
        if metric.kind in (Kind.VALUE, Kind.RATIO) and goal.value_property:
            value = _number(properties.get(goal.value_property))
    per = metric.per if metric.kind == Kind.RATIO else None
    return _Read(value, 1 if per is not None and name == per.event else 0)


def _number(stated: Any) -> float | None:
    """Return a number that an event states; None for what is none, or none that can be."""
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return None
    return float(stated) if abs(stated) <= _LARGEST else None


# -- visits ----------------------------------------------------------------------------------


class _Visit(NamedTuple):
    start: Microseconds
    end: Microseconds


def _of_visits(metric: Metric, chunk: _Spans, place: str) -> Iterator[tuple[int, _Read]]:
    visits = _visits(chunk)
    if metric.kind == Kind.RETURN_VISIT:
        for which, one, visit in _in_spans(chunk, visits):
            # The visit of the exposure began before it; any that begins later is another one.
            if not one.is_after or visit.start > one.low:
                yield which, _Read(1.0, 0)
        return
    viewed = _viewed(visits)
    for which, one, visit in _in_spans(chunk, visits):
        profile_views = viewed.get(one.profile, ())
        end = min(visit.end, one.high) if not one.is_after else visit.end
        n = sum(visit.start <= at <= end for at in profile_views)
        if n:  # else nobody looked at a page in it
            yield which, _Read(1.0 if n == 1 else 0.0, 1)


def _in_spans(
    chunk: _Spans, visits: Mapping[int, list[_Visit]]
) -> Iterator[tuple[int, Span, _Visit]]:
    """Yield the visits of each span: those that go on after its exposure and began before its
    end; before an exposure, those that ended within the span."""
    for profile, spans in chunk.items():
        for visit in visits.get(profile, ()):
            for which, one in spans:
                if one.is_after:
                    inside = visit.end >= one.low and visit.start <= one.high
                else:
                    inside = one.low < visit.end <= one.high
                if inside:
                    yield which, one, visit


def _visits(chunk: _Spans) -> dict[int, list[_Visit]]:
    first, last = _bounds(chunk)
    rows = Visit.objects.filter(
        profile__in=list(chunk), ended_at__gte=first, started_at__lte=last
    ).values_list("profile_id", "started_at", "ended_at")
    found: dict[int, list[_Visit]] = {}
    for profile, start, end in rows.iterator(chunk_size=CHUNK):
        found.setdefault(profile, []).append(_Visit(microseconds(start), microseconds(end)))
    return found


def _viewed(visits: Mapping[int, Iterable[_Visit]]) -> dict[int, list[Microseconds]]:
    """Return when each of the profiles looked at pages, during these visits."""
    every = [visit for some in visits.values() for visit in some]
    if not every:
        return {}
    rows = Event.objects.filter(
        identity__profile__in=list(visits),
        name__in=VIEWS,
        timestamp__gte=moment(min(visit.start for visit in every)),
        timestamp__lte=moment(max(visit.end for visit in every)),
    ).values_list("identity__profile_id", "timestamp")
    found: dict[int, list[Microseconds]] = {}
    for profile, at in rows.iterator(chunk_size=CHUNK):
        found.setdefault(profile, []).append(microseconds(at))
    return found
