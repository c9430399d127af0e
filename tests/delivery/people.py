"""Visitors as tests make them: who they are, what they agreed to, which segments they are in."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.test import Client

from personalization.clock import microseconds
from personalization.delivery.models import Slot, Variation
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.visitor import new_visitor_id, signed
from personalization.segments.models import Segment
from personalization.types import Microseconds

LONG_AGO = microseconds(datetime(2020, 1, 1, tzinfo=UTC))

Span = tuple[Microseconds, Microseconds | None]


@dataclass(frozen=True)
class Person:
    """A visitor with a profile, as the pipeline would have left it."""

    visitor_id: str
    profile: Profile

    @property
    def cookies(self) -> dict[str, str]:
        return {"pz_id": signed(self.visitor_id), "pz_consent": "1.analytics-personalization"}

    def client(self) -> Client:
        client = Client()
        client.cookies.load(self.cookies)
        return client

    def enter(self, *slugs: str) -> None:
        """Be in exactly these segments, since long ago."""
        self.be_in(dict.fromkeys(slugs, (LONG_AGO, None)))

    def be_in(self, spans: Mapping[str, Span]) -> None:
        ids = dict(Segment.objects.values_list("slug", "serving"))
        memberships = {str(ids[slug]): [*span, 1] for slug, span in spans.items()}
        Snapshot.objects.filter(pk=self.profile.pk).update(memberships=memberships)

    def agree_to(self, *purposes: str) -> None:
        Snapshot.objects.filter(pk=self.profile.pk).update(consents=dict.fromkeys(purposes, True))


def make_person(
    *segments: str,
    consents: Collection[str] = ("analytics", "personalization"),
    number: int | None = None,
) -> Person:
    """Make a visitor: with a number one who is in the same arms in every run.

    For arms hang on the number of the profile, and what the database gives hangs on how many
    other tests took. These count down: where it gives on from the highest, it meets none of them.
    """
    if number is None:
        visitor_id, profile = new_visitor_id(), Profile.objects.create()
    else:
        visitor_id, profile = id_of(number), Profile.objects.create(pk=10**9 - number)
    Identity.objects.create(profile=profile, namespace=Identity.ANONYMOUS, value=visitor_id)
    Snapshot.objects.create(profile=profile)
    person = Person(visitor_id, profile)
    person.enter(*segments)
    person.agree_to(*consents)
    return person


def make_people(n: int, *segments: str) -> list[Person]:
    """Return people who are in the same arms in every run."""
    return [make_person(*segments, number=number) for number in range(n)]


def id_of(number: int) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex


def make_segments(*slugs: str) -> dict[str, Segment]:
    kind = Segment.Kind.MANUAL
    return {slug: Segment.objects.create(slug=slug, name=slug, kind=kind) for slug in slugs}


def make_slot(slug: str = "hero") -> Slot:
    return Slot.objects.create(slug=slug, name=slug)


def make_variation(
    segment: str, content: str, *, slot: str = "hero", priority: int = 10, active: bool = True
) -> Variation:
    return Variation.objects.create(
        slot=Slot.objects.get_or_create(slug=slot, defaults={"name": slot})[0],
        segment=Segment.objects.get(slug=segment),
        name=content[:100],
        content=content,
        priority=priority,
        active=active,
    )


def span_around(now: datetime, *, before: timedelta, after: timedelta) -> Span:
    return microseconds(now - before), microseconds(now + after)
