"""What the throw-away database holds while pages are rendered."""

from __future__ import annotations

import random
from decimal import Decimal

from django.utils import timezone

from personalization.clock import microseconds
from personalization.delivery.models import Slot, Variation
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.profiles.visitor import new_visitor_id
from personalization.segments.models import Segment
from project.benchmarks.pages import SEGMENTS, SLOTS
from project.shop.models import Category, Product

PRODUCTS, MEMBERSHIPS, VARIATIONS = 24, 15, 2


def seed_catalogue() -> None:
    """Add what the page lists by a query of its own."""
    category = Category.objects.create(slug="boots", name="Boots", art="boot", palette="moss")
    Product.objects.bulk_create(
        Product(
            category=category,
            slug=f"boot-{i}",
            sku=f"BOOT-{i}",
            name=f"Walking boot {i}",
            price=Decimal("79.90") + i,
            was_price=Decimal("149.90") if i % 3 == 0 else None,
            position=i,
        )
        for i in range(PRODUCTS)
    )


def seed_visitor(rng: random.Random) -> str:
    """Add segments, slots with variations, and a visitor who is in some; return the id."""
    segments = [
        Segment.objects.create(slug=f"segment-{i}", name=f"Segment {i}", kind=Segment.Kind.MANUAL)
        for i in range(SEGMENTS)
    ]
    for i in range(SLOTS):
        slot = Slot.objects.create(slug=f"slot-{i}", name=f"Slot {i}")
        for segment in rng.sample(segments, VARIATIONS):
            Variation.objects.create(
                slot=slot,
                segment=segment,
                name="From the admin",
                content=f"<p>For segment {segment.pk}</p>",
            )
    visitor_id, profile = new_visitor_id(), Profile.objects.create()
    Identity.objects.create(profile=profile, namespace=Identity.ANONYMOUS, value=visitor_id)
    since = microseconds(timezone.now()) - 10**9
    Snapshot.objects.create(
        profile=profile,
        consents={"analytics": True, "personalization": True},
        memberships={
            str(segment.pk): [since, since + 10**12 if segment.pk % 2 else None, 1]
            for segment in rng.sample(segments, MEMBERSHIPS)
        },
    )
    return visitor_id
