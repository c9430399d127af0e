"""Planted visitors as rows of the log, written many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from personalization.conf import settings
from personalization.events.models import Event, Source
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.visits import replace_visits
from project.shop.journey import Json, moment
from project.shop.playback import Played

#: What the messages are called that have no name of their own.
_NAMES = {"page": "Page Viewed"}


def write(people: Sequence[Played], *, until: datetime, first: int | None = None) -> list[int]:
    """Log what they did before `until`, as the pipeline does; return their profiles in order.

    They all agree to personalization. With `first`, their profiles have that number and those
    after it: by these numbers, chance has decided what they saw.
    """
    source, _ = Source.objects.get_or_create(
        slug="planted", defaults={"name": "Planted", "kind": Source.Kind.SERVER}
    )
    profiles = Profile.objects.bulk_create(
        Profile() if first is None else Profile(pk=first + number) for number in range(len(people))
    )
    identities = Identity.objects.bulk_create(
        Identity(profile=profile, namespace=Identity.ANONYMOUS, value=somebody.id)
        for profile, somebody in zip(profiles, people, strict=True)
    )
    known = [[event for event in somebody.events if moment(event) < until] for somebody in people]
    Snapshot.objects.bulk_create(
        Snapshot(
            profile=profile,
            consents={"analytics": True, "personalization": True},
            first_seen=moment(events[0]),
            last_seen=moment(events[-1]),
        )
        for profile, events in zip(profiles, known, strict=True)
    )
    Event.objects.bulk_create(
        (
            _row(event, identity, source)
            for identity, events in zip(identities, known, strict=True)
            for event in events
        ),
        batch_size=2000,
    )
    moments = {
        profile.pk: [moment(event) for event in events]
        for profile, events in zip(profiles, known, strict=True)
    }
    replace_visits(moments, gap=settings.VISIT_GAP)
    return [profile.pk for profile in profiles]


def _row(event: Json, identity: Identity, source: Source) -> Event:
    return Event(
        identity=identity,
        source=source,
        message_id=event["messageId"],
        type=event["type"],
        name=event["event"] if event["type"] == "track" else _NAMES[event["type"]],
        properties=event["properties"],
        context=event.get("context", {}),
        timestamp=moment(event),
        received_at=moment(event),
    )
