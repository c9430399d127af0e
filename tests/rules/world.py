"""Histories as values, and the two ways to ask a rule about them: memory and SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from operator import attrgetter

from personalization.clock import moment, span
from personalization.events.models import Event, Source
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.plan import plan
from personalization.profiles.state import State
from personalization.rules.interval import Interval
from personalization.rules.need import ANY
from personalization.rules.nodes import Rule
from personalization.rules.occurrence import Occurrence
from personalization.rules.parse import link, parse
from personalization.rules.state import Facts
from personalization.segments.models import Membership, Segment
from personalization.types import Json, Microseconds

_numbers = count(1)
GAP = span(timedelta(minutes=30))


@dataclass(frozen=True)
class Happening:
    """An event of a history. Its message id, which decides ties, is its number if not given."""

    name: str
    at: Microseconds
    properties: Mapping[str, Json] = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True)
class History:
    """All that rules look at of one profile; `memberships` are those kept by hand."""

    events: Sequence[Happening] = ()
    traits: Mapping[str, Json] = field(default_factory=dict)
    features: Mapping[str, Json] = field(default_factory=dict)
    consents: Mapping[str, Json] = field(default_factory=dict)
    memberships: Mapping[str, Interval] = field(default_factory=dict)
    context: Mapping[str, Json] = field(default_factory=dict)

    def occurrences(self) -> list[Occurrence]:
        """Return the events in the order of their positions."""
        found = [
            Occurrence("track", event.name, event.properties, event.at, event.id or f"{number:06}")
            for number, event in enumerate(self.events)
        ]
        return sorted(found, key=attrgetter("position"))

    def visit(self) -> Interval | None:
        """Return the newest visit, until a gap after its last event."""
        instants = sorted(event.at for event in self.events)
        if not instants:
            return None
        start = instants[-1]
        for at in reversed(instants):
            if start - at >= GAP:
                break
            start = at
        return Interval(start, instants[-1] + GAP)


def linked(stored: Json, segments: Mapping[str, Json]) -> Rule:
    """Parse `stored`; `segments` are the stored rules by slug, None for those kept by hand."""

    def lookup(slug: str) -> Rule | None:
        return None if segments[slug] is None else parse(segments[slug])

    return link(parse(stored), lookup)


def facts(history: History, rule: Rule) -> Facts:
    """Return what memory knows: counters exactly as large as `rule` asks for."""
    state = State()
    needs = plan(need for leaf in rule.leaves() for need in leaf.needs())
    occurrences = history.occurrences()
    state.apply(occurrences, needs)
    for need in state.late.values():  # two events of one position
        state.put(need, need.fold(occurrences))
    return Facts(
        traits=history.traits,
        features=history.features,
        counters=state.counters,
        segments=history.memberships,
        consents=history.consents,
        visit=history.visit(),
        context=history.context,
        log=lambda events: [each for each in occurrences if {each.name, ANY} & events],
    )


def stored(histories: Iterable[History], *, numbers: Iterable[int] = ()) -> list[int]:
    """Put the histories into the database; return the id of the profile of each.

    `numbers` are the ids that the first of them get; the others get whatever is next.
    """
    source = Source.objects.create(name="World", slug=f"world-{next(_numbers)}")
    ids = []
    events: list[Event] = []
    given = iter(numbers)
    for history in histories:
        profile = Profile.objects.create(pk=next(given, None))
        ids.append(profile.pk)
        Snapshot.objects.create(
            profile=profile,
            traits=history.traits,
            features=history.features,
            consents=history.consents,
            **_visit_columns(history.visit()),
        )
        identity = Identity.objects.create(
            profile=profile, namespace="anonymous", value=f"world-{next(_numbers)}"
        )
        events += [_row(each, identity, source) for each in history.occurrences()]
        _join(profile, history)
    Event.objects.bulk_create(events)
    return ids


def _visit_columns(visit: Interval | None) -> dict[str, datetime]:
    if visit is None or visit.end is None:
        return {}
    return {"visit_started_at": moment(visit.start), "last_seen": moment(visit.end - GAP)}


def _row(event: Occurrence, identity: Identity, source: Source) -> Event:
    return Event(
        identity=identity,
        source=source,
        type="track",
        name=event.name,
        properties=event.properties,
        timestamp=moment(event.at),
        message_id=event.message_id,
    )


def _join(profile: Profile, history: History) -> None:
    for slug, membership in history.memberships.items():
        segment, _ = Segment.objects.get_or_create(
            slug=slug, defaults={"name": slug, "kind": Segment.Kind.MANUAL}
        )
        Membership.objects.create(
            segment=segment,
            profile=profile,
            since=moment(membership.start),
            until=moment(membership.end) if membership.end is not None else None,
        )
