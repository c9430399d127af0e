"""The events of one profile as a story: visit by visit, newest first, in bounded pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from personalization.admin.personal_values import told_values
from personalization.clock import microseconds, moment
from personalization.events.models import Event
from personalization.profiles.models import Profile, Visit
from personalization.rules.catalogue import Catalogue
from personalization.rules.compare import value_text

PAGE = 100
_PROPERTIES = 12


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One event with its first properties as text; `n_more` are left out."""

    event: Event
    phrase: str
    properties: Sequence[tuple[str, str]]
    n_more: int


@dataclass
class Chapter:
    """The events of one visit that are on this page. `visit` is None for what has none yet."""

    visit: Visit | None
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Timeline:
    chapters: Sequence[Chapter]
    older: str = ""  # where the next page starts, for the address


def timeline(
    profile: Profile, catalogue: Catalogue, *, before: str = "", with_values: bool = True
) -> Timeline:
    """Return one page of the events of `profile` (two queries).

    Without `with_values` only the names of the properties are told.
    """
    events = Event.objects.filter(identity__profile=profile)
    if place := _read_place(before):
        at, pk = place
        events = events.filter(Q(timestamp__lt=at) | Q(timestamp=at, pk__lt=pk))
    newest = events.select_related("source").defer("context").order_by("-timestamp", "-pk")
    page = list(newest[: PAGE + 1])
    shown_events = page[:PAGE]
    chapters = list(_chapters(profile, shown_events, catalogue, with_values))
    last = shown_events[-1] if len(page) > PAGE else None
    return Timeline(chapters=chapters, older=_place(last) if last else "")


def _place(event: Event) -> str:
    return f"{microseconds(event.timestamp)}-{event.pk}"


def _read_place(text: str) -> tuple[datetime, int] | None:
    """Return the place named in the address; garbage is no place."""
    instant, _, pk = text.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) < 18 for part in (instant, pk)):
        return None
    return moment(int(instant)), int(pk)


def _chapters(
    profile: Profile, events: Sequence[Event], catalogue: Catalogue, with_values: bool
) -> Iterator[Chapter]:
    visits = _visits(profile, events)
    chapter: Chapter | None = None
    for event in events:
        visit = next((each for each in visits if _holds(each, event)), None)
        if chapter is None or chapter.visit != visit:
            if chapter:
                yield chapter
            chapter = Chapter(visit)
        chapter.entries.append(_entry(event, catalogue, with_values))
    if chapter:
        yield chapter


def _visits(profile: Profile, events: Sequence[Event]) -> list[Visit]:
    if not events:
        return []
    return list(
        Visit.objects.filter(
            profile=profile,
            started_at__lte=events[0].timestamp,
            ended_at__gte=events[-1].timestamp,
        ).order_by("-started_at")
    )


def _holds(visit: Visit, event: Event) -> bool:
    return visit.started_at <= event.timestamp <= visit.ended_at


def _entry(event: Event, catalogue: Catalogue, with_values: bool) -> Entry:
    told = told_values(event.properties, seen=with_values)
    found = told if isinstance(told, Mapping) else {}
    items = [(str(key), value_text(value)) for key, value in found.items()]
    phrase = _PHRASES.get(event.type) or catalogue.phrase(event.name)
    return Entry(
        event=event,
        phrase=phrase,
        properties=items[:_PROPERTIES],
        n_more=max(0, len(items) - _PROPERTIES),
    )


#: What the types that are no tracked behaviour mean.
_PHRASES: Mapping[str, str] = {
    Event.Type.IDENTIFY.value: "told who they are",
    Event.Type.GROUP.value: "was put into a group",
    Event.Type.ALIAS.value: "was found to be somebody known",
}
