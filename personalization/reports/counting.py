"""The true counts, which nobody sees: only what `publish` makes of them leaves this package.

Those are counted who agreed to analytics. What counts once is a profile: somebody who comes
with two devices that nothing connects is two of them, and as well hidden as two people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TypeAlias

from django.db.models import Count
from django.utils.translation import gettext as _

from personalization.events.models import Event
from personalization.exceptions import InvalidRule
from personalization.reports.definitions import (
    Definition,
    DefinitionRejected,
    Funnel,
    SegmentSizes,
)
from personalization.segments.models import Membership, Segment
from personalization.segments.population import linked
from personalization.types import Purpose

#: (name of the event, when), in the order of time.
Step: TypeAlias = tuple[str, datetime]
#: Events read at a time.
_CHUNK = 2000


@dataclass(frozen=True, kw_only=True)
class Counted:
    """How many there are of what is called so."""

    name: str
    n: int


def count(definition: Definition, *, now: datetime) -> list[Counted]:
    """Return a count for each segment or step.

    :raises DefinitionRejected: for a segment that has no members of its own.
    """
    if isinstance(definition, Funnel):
        return _count_funnel(definition)
    return _count_segments(definition, now=now)


def _agreed(profile: str) -> str:
    return f"{profile}__snapshot__consents__{Purpose.ANALYTICS.value}"


# -- segments --------------------------------------------------------------------------------


def _count_segments(definition: SegmentSizes, *, now: datetime) -> list[Counted]:
    """Count members (two queries)."""
    names = {segment.slug: segment.name for segment in countable_segments(definition.slugs)}
    for slug in definition.slugs:
        if slug not in names:
            raise DefinitionRejected(
                _("“%(slug)s” is no segment that keeps members.") % {"slug": slug}
            )
    rows = Membership.objects.in_force(now=now).filter(
        segment__slug__in=definition.slugs, **{_agreed("profile"): True}
    )
    grouped = rows.order_by().values_list("segment__slug")
    sizes: dict[str, int] = dict(grouped.annotate(n=Count("profile", distinct=True)))
    return [Counted(name=names[slug], n=sizes.get(slug, 0)) for slug in definition.slugs]


def countable_segments(slugs: Sequence[str] | None = None) -> list[Segment]:
    """Return the segments, of all or of those named, that keep members (one query)."""
    listed = Segment.objects.listed().filter(active=True)
    if slugs is not None:
        listed = listed.filter(slug__in=slugs)
    return [segment for segment in listed.order_by("name") if _keeps_members(segment)]


def _keeps_members(segment: Segment) -> bool:
    """Return whether there are members: those of some rules are found for each request."""
    if not segment.is_by_rule:
        return True
    try:
        return not linked(segment.rule).live_only
    except InvalidRule:
        return False


# -- funnels ---------------------------------------------------------------------------------


def _count_funnel(funnel: Funnel) -> list[Counted]:
    """Count how far each profile got (one query, read in chunks)."""
    rows = Event.objects.filter(
        name__in=set(funnel.steps),
        timestamp__gte=funnel.since,
        timestamp__lt=funnel.until,
        **{_agreed("identity__profile"): True},
    ).order_by("identity__profile", "timestamp", "message_id")
    read = rows.values_list("identity__profile", "name", "timestamp").iterator(chunk_size=_CHUNK)
    counts = [0] * len(funnel.steps)
    for _profile, events in groupby(read, key=lambda row: row[0]):
        steps = ((name, at) for _, name, at in events)
        for reached in range(steps_done(steps, wanted=funnel.steps, window=funnel.window)):
            counts[reached] += 1
    return [Counted(name=step, n=n) for step, n in zip(funnel.steps, counts, strict=True)]


def steps_done(events: Iterable[Step], *, wanted: Sequence[str], window: timedelta) -> int:
    """Return how many of the steps somebody did in order, all within a window.

    It may begin with any event that is the first step. For each step, the newest begin that
    leads to it is kept: an older one never gets further.
    """
    begins: list[datetime | None] = [None] * len(wanted)
    done = 0
    for name, at in events:
        # From the last step on, lest one event be two steps.
        for index in range(len(wanted) - 1, -1, -1):
            if name != wanted[index]:
                continue
            begin = at if index == 0 else begins[index - 1]
            if begin is None or at - begin > window:
                continue
            begins[index] = max(begin, begins[index] or begin)
            done = max(done, index + 1)
    return done
