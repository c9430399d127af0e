"""What the throw-away database holds while pages are rendered."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from personalization import bulk
from personalization.clock import microseconds
from personalization.delivery.models import Slot, Variation
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.visitor import new_visitor_id
from personalization.rules.occurrence import Occurrence
from personalization.segments.models import Segment
from personalization.segments.refresh import refresh_segments
from project.benchmarks.content import PRODUCTS, SLOTS, is_member, product_fields, text_of
from project.benchmarks.rules_world import happened, row_of, source, store
from project.shop.models import Category, Product

VARIATIONS = 2

Condition = dict[str, Any]
#: Returns the condition of a segment by its number: one that holds, or one that does not.
Conditions = Callable[[int, bool], Condition]


def seed_catalogue() -> None:
    """Add what the page lists by a query of its own."""
    category = Category.objects.create(slug="boots", name="Boots", art="boot", palette="moss")
    Product.objects.bulk_create(
        Product(category=category, sku=f"BOOT-{number}", **product_fields(number))
        for number in range(PRODUCTS)
    )


def seed_visitor(segments: int, *, conditions: Conditions) -> str:
    """Add segments by rule, slots with variations, and a visitor who is in some; return the id.

    The visitor has done what the rules look at, and memberships follow from that.
    """
    _seed_slots([_segment(number, conditions) for number in range(segments)])
    visitor_id, profile = new_visitor_id(), Profile.objects.create()
    identity = Identity.objects.create(
        profile=profile, namespace=Identity.ANONYMOUS, value=visitor_id
    )
    Snapshot.objects.create(profile=profile, consents={"analytics": True, "personalization": True})
    now = timezone.now()
    store(_events(segments, identity_id=identity.pk, before=now))
    refresh_segments(now=now)
    return visitor_id


def by_behaviour(number: int, holds: bool) -> Condition:
    """Whether the visitor looked at products of the segment's category, twice in a week."""
    return happened("Product Viewed", 2, last="P7D", category=_category(number))


def by_request(number: int, holds: bool) -> Condition:
    """What the rules of the peer look at, in its order: all but visits is in the request."""
    weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    kinds: tuple[Condition, ...] = (
        by_behaviour(number, holds),
        _context("hour", ">=", 0),
        _context("weekday", "in", weekdays),
        _context("device", "=", "desktop"),
        _context("utm.source", "=", "letter"),
        _context("referrer", "contains", "example.org"),
        _context("language", "=", "en"),
    )
    place = number % len(kinds)
    return kinds[place] if holds or place == 0 else _not(kinds[place])


def _context(field: str, operator: str, value: Any) -> Condition:
    return {"kind": "context", "field": field, "operator": operator, "value": value}


def _not(condition: Condition) -> Condition:
    return {"combinator": "or", "not": True, "rules": [condition]}


def _category(number: int) -> str:
    return f"category-{number}"


def _segment(number: int, conditions: Conditions) -> Segment:
    rules = [conditions(number, is_member(number))]
    return Segment.objects.create(
        slug=f"segment-{number}",
        name=f"Segment {number}",
        rule={"version": 1, "root": {"combinator": "and", "rules": rules}},
    )


def _seed_slots(segments: list[Segment]) -> None:
    """Add the slots, each with variations for segments by lot: the same ones every time."""
    rng = random.Random(1)  # noqa: S311 - the same page every time
    for place in range(SLOTS):
        slot = Slot.objects.create(slug=f"slot-{place}", name=f"Slot {place}")
        for segment in rng.sample(segments, min(VARIATIONS, len(segments))):
            Variation.objects.create(
                slot=slot,
                segment=segment,
                name="From the admin",
                content=text_of(place, variant=8),
            )


def _events(segments: int, *, identity_id: int, before: datetime) -> Iterator[bulk.Row]:
    """Yield three looks at the category of each segment that the visitor is to be in."""
    source_id = source().pk
    for number in filter(is_member, range(segments)):
        for turn in range(3):
            at = before - timedelta(hours=1 + turn)
            properties = {"category": _category(number)}
            message_id = f"message-{number}-{turn}"
            seen = Occurrence("track", "Product Viewed", properties, microseconds(at), message_id)
            yield row_of(seen, identity_id=identity_id, source_id=source_id, at=at)
