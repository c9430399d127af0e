"""A shop's rules, its visitors and what they do: the same every time, of any size."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from personalization import bulk
from personalization.events.models import Event, Source
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.rules.occurrence import Occurrence
from personalization.segments.models import Segment

START = datetime(2026, 5, 4, 10, tzinfo=UTC)
CATEGORIES, SECTIONS = 60, 40
#: What visitors do, as often as it stands here.
NAMES = (
    "Page Viewed", "Page Viewed", "Page Viewed", "Product Viewed", "Product Viewed",
    "Product Viewed", "Product List Viewed", "Products Searched", "Product Added", "Engaged",
    "Scroll Depth Reached", "Order Completed",
)  # fmt: skip
#: Rows that are written in one statement.
PORTION = 20_000

Stored = dict[str, Any]


def seed_rules(n: int) -> None:
    """Add `n` segments. Like those of a shop, most look at one category or section."""
    for number in range(n):
        Segment.objects.create(slug=f"rule-{number}", name=f"Rule {number}", rule=_rule(number))


def _rule(number: int) -> Stored:
    category, section = f"category-{number % CATEGORIES}", f"section-{number % SECTIONS}"
    days = f"P{1 + number // 5 % 30}D"
    kinds: tuple[list[Stored], ...] = (
        [happened("Product Viewed", 3, last="P7D", category=category)],
        [
            happened("Product Added", 1, last="PT24H", category=category),
            _never("Order Completed", last="PT24H", category=category),
        ],
        [happened("Page Viewed", 2 + number % 7, last=days, section=section)],
        [
            {"kind": "trait", "field": "plan", "operator": "=", "value": f"plan-{number % 9}"},
            {"kind": "feature", "field": "orders.count", "operator": ">=", "value": number % 4},
        ],
        [
            happened("Product Viewed", 1, last=days, category=category),
            _never("Product Added", last=days, category=category),
        ],
    )
    return {"version": 1, "root": {"combinator": "and", "rules": kinds[number % len(kinds)]}}


def happened(event: str, n: int, *, last: str, **where: str) -> Stored:
    tests: list[Stored] = [
        {"kind": "prop", "field": field, "operator": "=", "value": value}
        for field, value in where.items()
    ]
    return {
        "kind": "event",
        "event": event,
        "operator": ">=",
        "value": n,
        "window": {"last": last},
        **({"where": {"combinator": "and", "rules": tests}} if tests else {}),
    }


def _never(event: str, *, last: str, **where: str) -> Stored:
    return {
        "combinator": "or",
        "not": True,
        "rules": [happened(event, 1, last=last, **where)],
    }


@dataclass(frozen=True)
class Visitors:
    """Profiles by number, each with the identity of its events."""

    profile_ids: list[int]
    identity_ids: list[int]


def seed_visitors(n: int) -> Visitors:
    """Add `n` profiles without events; every snapshot has a plan among its traits."""
    first = Profile.objects.count()
    for start in range(0, n, PORTION):
        numbers = range(first + start, first + min(start + PORTION, n))
        profiles = Profile.objects.bulk_create(Profile(created_at=START) for _ in numbers)
        Identity.objects.bulk_create(
            Identity(
                profile=profile,
                namespace=Identity.ANONYMOUS,
                value=f"visitor-{number}",
                created_at=START,
            )
            for number, profile in zip(numbers, profiles, strict=True)
        )
        Snapshot.objects.bulk_create(
            Snapshot(profile=profile, traits={"plan": f"plan-{number % 12}"})
            for number, profile in zip(numbers, profiles, strict=True)
        )
    rows = Identity.objects.filter(value__startswith="visitor-").order_by("pk")
    pairs = list(rows.values_list("profile_id", "pk"))
    return Visitors([one for one, _ in pairs], [other for _, other in pairs])


@dataclass
class Doings:
    """What visitors do, one thing after the other."""

    rng: random.Random
    step: timedelta = timedelta(milliseconds=1)
    at: datetime = START
    n: int = 0

    def next(self) -> tuple[str, Mapping[str, Any]]:
        """Return the next event, at `at`: its name and properties."""
        self.at += self.step
        self.n += 1
        number = self.rng.randrange(1000)
        return self.rng.choice(NAMES), {
            "category": f"category-{number % CATEGORIES}",
            "section": f"section-{number % SECTIONS}",
            "product_id": f"BOOT-{number}",
            "price": 79.9 + number,
            "total": 79.9 + number,
            "seconds": 10,
        }


def source() -> Source:
    return Source.objects.get_or_create(
        slug="shop", defaults={"name": "Shop", "kind": Source.Kind.SERVER}
    )[0]


def store(rows: Iterator[bulk.Row]) -> None:
    """Write events, a portion at a time."""
    portion: list[bulk.Row] = []
    for row in rows:
        portion.append(row)
        if len(portion) == PORTION:
            bulk.insert(Event, portion)
            portion.clear()
    bulk.insert(Event, portion)


def row_of(occurrence: Occurrence, *, identity_id: int, source_id: int, at: datetime) -> bulk.Row:
    return {
        "identity_id": identity_id,
        "source_id": source_id,
        "message_id": occurrence.message_id,
        "type": occurrence.type,
        "name": occurrence.name,
        "properties": occurrence.properties,
        "context": {},
        "timestamp": at,
        "received_at": at,
    }
