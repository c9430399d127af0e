"""Visits: events of a profile that are less than a gap apart.

The visits of a set of events are the connected components under “less than the
gap apart”, so they do not depend on the order in which the events arrive: a late
event can extend a visit or join two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from personalization.profiles.models import Visit


@dataclass(frozen=True, slots=True)
class Span:
    """A visit as a value."""

    start: datetime
    end: datetime
    events: int = 1


def joined(spans: Iterable[Span], *, gap: timedelta) -> list[Span]:
    """Return `spans` in order of time, with those less than `gap` apart made one."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if result and span.start - result[-1].end < gap:
            last = result[-1]
            result[-1] = Span(last.start, max(last.end, span.end), last.events + span.events)
        else:
            result.append(span)
    return result


def add_to_visits(profile_id: int, moments: list[datetime], *, gap: timedelta) -> int:
    """Extend, join and create visits of the profile; return by how many there are more."""
    near = list(
        Visit.objects.filter(
            profile_id=profile_id,
            started_at__lt=max(moments) + gap,
            ended_at__gt=min(moments) - gap,
        )
    )
    known = [Span(visit.started_at, visit.ended_at, visit.events) for visit in near]
    spans = joined([*known, *(Span(moment, moment) for moment in moments)], gap=gap)
    stale = {span: visit.pk for span, visit in zip(known, near, strict=True)}
    fresh = [span for span in spans if stale.pop(span, None) is None]
    Visit.objects.filter(pk__in=stale.values()).delete()
    Visit.objects.bulk_create(_row(profile_id, span) for span in fresh)
    return len(spans) - len(known)


def replace_visits(profile_id: int, moments: Iterable[datetime], *, gap: timedelta) -> int:
    """Derive the visits of the profile anew from all its events; return their number."""
    spans = joined((Span(moment, moment) for moment in moments), gap=gap)
    Visit.objects.filter(profile_id=profile_id).delete()
    Visit.objects.bulk_create(_row(profile_id, span) for span in spans)
    return len(spans)


def _row(profile_id: int, span: Span) -> Visit:
    return Visit(
        profile_id=profile_id, started_at=span.start, ended_at=span.end, events=span.events
    )
