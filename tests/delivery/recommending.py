"""A shop whose visitors looked at products, for tests of what is recommended to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count

from django.utils import timezone

from personalization.events.models import Event, Source
from personalization.ml.models import Item
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.visitor import new_visitor_id
from personalization.segments.models import Segment
from tests.delivery.people import LONG_AGO, Person, make_person

_numbers = count(1)


def make_items(*keys: str, **fields: object) -> list[Item]:
    return [Item.objects.create(key=key, title=f"The {key}", **fields) for key in keys]


def about(
    key: str, *, by: Identity, source: Source, at: datetime, name: str = "Product Viewed"
) -> Event:
    """Return what somebody did with an item, not stored yet."""
    return Event(
        identity=by,
        source=source,
        message_id=f"looked-{next(_numbers)}",
        type=Event.Type.TRACK,
        name=name,
        properties={"product_id": key},
        timestamp=at,
    )


def look_at(person: Person, *keys: str, event: str = "Product Viewed", minutes: int = 1) -> None:
    """Have the person look at items, one a minute, the last one so many minutes ago."""
    identity = Identity.objects.get(profile=person.profile, namespace=Identity.ANONYMOUS)
    source = Source.objects.get_or_create(slug="shop", defaults={"name": "Shop"})[0]
    now = timezone.now()
    last = len(keys) - 1
    Event.objects.bulk_create(
        about(
            key, by=identity, source=source, name=event, at=now - timedelta(minutes=minutes + ago)
        )
        for ago, key in zip(range(last, -1, -1), keys, strict=True)
    )
    Snapshot.objects.filter(pk=person.profile.pk).update(
        visit_started_at=now - timedelta(minutes=minutes + len(keys)),
        last_seen=now - timedelta(minutes=minutes),
    )


def make_viewers(n: int, key: str, *, segment: str | None = None, minutes: int = 1) -> None:
    """Make `n` visitors who looked at an item, all at once: one by one they take their time."""
    source = Source.objects.get_or_create(slug="shop", defaults={"name": "Shop"})[0]
    at = timezone.now() - timedelta(minutes=minutes)
    serving = segment and Segment.objects.get(slug=segment).serving_id
    profiles = Profile.objects.bulk_create(Profile() for _ in range(n))
    identities = Identity.objects.bulk_create(
        Identity(profile=profile, namespace=Identity.ANONYMOUS, value=new_visitor_id())
        for profile in profiles
    )
    Snapshot.objects.bulk_create(
        Snapshot(
            profile=profile,
            consents={"analytics": True, "personalization": True},
            memberships={str(serving): [LONG_AGO, None, 1]} if serving else {},
            visit_started_at=at - timedelta(minutes=1),
            last_seen=at,
        )
        for profile in profiles
    )
    Event.objects.bulk_create(about(key, by=each, source=source, at=at) for each in identities)


def make_crowd(popularity: Sequence[str]) -> None:
    """Make visitors, by whom the first item is looked at most, the last one least."""
    for n in range(len(popularity)):
        look_at(make_person(), *popularity[: len(popularity) - n], minutes=5)
