"""Histories as values, and the two ways to ask a rule about them: memory and SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from personalization.clock import moment
from personalization.events.models import Event, Source
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.occurrence import Occurrence
from personalization.profiles.plan import plan
from personalization.profiles.state import State
from personalization.rules.nodes import Rule
from personalization.rules.parse import link, parse
from personalization.rules.state import Facts, Interval
from personalization.segments.models import Membership, Segment
from personalization.types import Json, Microseconds

_numbers = count(1)


@dataclass(frozen=True)
class Happening:
    """An event of a history."""

    name: str
    at: Microseconds
    properties: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """All that rules look at of one profile; `memberships` are those kept by hand."""

    events: Sequence[Happening] = ()
    traits: Mapping[str, Json] = field(default_factory=dict)
    features: Mapping[str, Json] = field(default_factory=dict)
    consents: Mapping[str, Json] = field(default_factory=dict)
    memberships: Mapping[str, Interval] = field(default_factory=dict)


def linked(stored: Json, segments: Mapping[str, Json]) -> Rule:
    """Parse `stored`; `segments` are the stored rules by slug, None for those kept by hand."""

    def lookup(slug: str) -> Rule | None:
        return None if segments[slug] is None else parse(segments[slug])

    return link(parse(stored), lookup)


def facts(history: History, rule: Rule) -> Facts:
    """Return what memory knows: counters exactly as large as `rule` asks for."""
    state = State()
    needs = plan(need for leaf in rule.leaves() for need in leaf.counters())
    state.apply(
        (
            Occurrence("track", event.name, event.properties, event.at, str(number))
            for number, event in enumerate(history.events)
        ),
        needs,
    )
    return Facts(
        traits=history.traits,
        features=history.features,
        counters=state.counters,
        segments=history.memberships,
        consents=history.consents,
    )


def stored(histories: Iterable[History]) -> list[int]:
    """Put the histories into the database; return the id of the profile of each."""
    source = Source.objects.create(name="World", slug=f"world-{next(_numbers)}")
    ids = []
    events: list[Event] = []
    for history in histories:
        profile = Profile.objects.create()
        ids.append(profile.pk)
        Snapshot.objects.create(
            profile=profile,
            traits=history.traits,
            features=history.features,
            consents=history.consents,
        )
        identity = Identity.objects.create(
            profile=profile, namespace="anonymous", value=f"world-{next(_numbers)}"
        )
        events += [_row(event, identity, source) for event in history.events]
        _join(profile, history)
    Event.objects.bulk_create(events)
    return ids


def _row(event: Happening, identity: Identity, source: Source) -> Event:
    return Event(
        identity=identity,
        source=source,
        type="track",
        name=event.name,
        properties=event.properties,
        timestamp=moment(event.at),
        message_id=str(next(_numbers)),
    )


def _join(profile: Profile, history: History) -> None:
    for slug, span in history.memberships.items():
        segment, _ = Segment.objects.get_or_create(
            slug=slug, defaults={"name": slug, "kind": Segment.Kind.MANUAL}
        )
        Membership.objects.create(
            segment=segment,
            profile=profile,
            since=moment(span.start),
            until=moment(span.end) if span.end is not None else None,
        )
