"""Plain factories as fixtures: what a test needs in the database, in one call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from personalization.events.models import Event, Source
from personalization.events.write_keys import add_write_key
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.segments.models import Segment

_numbers = count(1)


@pytest.fixture
def make_source() -> Callable[..., Source]:
    def make(*, kind: str = Source.Kind.SERVER, write_key: str = "", **fields: Any) -> Source:
        slug = fields.pop("slug", f"source-{next(_numbers)}")
        fields.setdefault("name", slug)
        source = Source.objects.create(slug=slug, kind=kind, **fields)
        add_write_key(source, key=write_key or None)
        return source

    return make


@pytest.fixture
def make_profile() -> Callable[..., Profile]:
    """Make a profile with an anonymous identity and the snapshot fields given."""

    def make(*, identity: str = "", **snapshot: Any) -> Profile:
        profile = Profile.objects.create()
        value = identity or f"visitor-{next(_numbers)}"
        Identity.objects.create(profile=profile, namespace=Identity.ANONYMOUS, value=value)
        Snapshot.objects.create(profile=profile, **snapshot)
        return profile

    return make


@pytest.fixture
def make_event(make_source: Callable[..., Source]) -> Callable[..., Event]:
    """Store an event of a profile's first identity; no snapshot is touched."""
    sources: list[Source] = []

    def make(
        profile: Profile, name: str, *, at: datetime, properties: Any = None, **fields: Any
    ) -> Event:
        if "source" not in fields:
            if not sources:
                sources.append(make_source())
            fields["source"] = sources[0]
        return Event.objects.create(
            identity=profile.identities.earliest("pk"),
            name=name,
            timestamp=at,
            properties=properties or {},
            **{"type": "track", "message_id": f"message-{next(_numbers)}", **fields},
        )

    return make


@pytest.fixture
def make_segment() -> Callable[..., Segment]:
    """Make a segment by `rule`, or one kept by hand when there is none."""

    def make(slug: str, rule: Any = None, **fields: Any) -> Segment:
        kind = Segment.Kind.MANUAL if rule is None else Segment.Kind.RULE
        name = fields.pop("name", slug.replace("-", " ").capitalize())
        return Segment.objects.create(slug=slug, name=name, kind=kind, rule=rule, **fields)

    return make
