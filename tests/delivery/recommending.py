"""A shop whose visitors looked at products, for tests of what is recommended to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count

from django.utils import timezone

from personalization.events.models import Event, Source
from personalization.ml.models import Item
from personalization.profiles.models import Identity, Snapshot
from tests.delivery.people import Person, make_person

_numbers = count(1)


def make_items(*keys: str, **fields: object) -> list[Item]:
    return [Item.objects.create(key=key, title=f"The {key}", **fields) for key in keys]


def look_at(person: Person, *keys: str, event: str = "Product Viewed", minutes: int = 1) -> None:
    """Have the person look at items, one a minute, the last one so many minutes ago."""
    identity = Identity.objects.get(profile=person.profile, namespace=Identity.ANONYMOUS)
    source = Source.objects.get_or_create(slug="shop", defaults={"name": "Shop"})[0]
    now = timezone.now()
    Event.objects.bulk_create(
        Event(
            identity=identity,
            source=source,
            message_id=f"looked-{next(_numbers)}",
            type=Event.Type.TRACK,
            name=event,
            properties={"product_id": key},
            timestamp=now - timedelta(minutes=minutes + len(keys) - 1 - at),
        )
        for at, key in enumerate(keys)
    )
    Snapshot.objects.filter(pk=person.profile.pk).update(
        visit_started_at=now - timedelta(minutes=minutes + len(keys)),
        last_seen=now - timedelta(minutes=minutes),
    )


def make_crowd(popularity: Sequence[str]) -> None:
    """Make visitors, by whom the first item is looked at most, the last one least."""
    for n in range(len(popularity)):
        look_at(make_person(), *popularity[: len(popularity) - n], minutes=5)
