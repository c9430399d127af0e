"""Seconds that a replay of 30 days takes, against a plain read of the same events."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.test import override_settings

from personalization import bulk
from personalization.events.models import Event, Source
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.rules.nodes import Rule
from personalization.rules.parse import parse
from personalization.segments.models import Membership, Segment
from personalization.segments.timemachine import SAMPLE, Replay, replay
from personalization.types import JsonObject
from project.benchmarks.database import throwaway_database
from project.benchmarks.results import Effort, Result, benchmarks
from project.benchmarks.worker import NAMES

#: Events of a profile, spread over so many days; the last 30 are replayed.
EVENTS, DAYS, SPAN = 50, 60, timedelta(days=30)
END = datetime(2026, 5, 4, tzinfo=UTC)
PORTION = 20_000
RULE: JsonObject = {
    "combinator": "and",
    "rules": [
        {"kind": "event", "event": "Product Viewed", "operator": ">=", "value": 3,
         "window": {"last": "P7D"}},
        {"kind": "event", "event": "Order Completed", "operator": "=", "value": 0,
         "window": {"last": "P1D"}},
    ],
}  # fmt: skip


@benchmarks.register("timemachine")
def measure(effort: Effort) -> Sequence[Result]:
    """Replay a sample, and all; each as often as there is time for."""
    with throwaway_database(), override_settings(DEBUG=False):
        _fill(effort.stored)
        rule = parse({"version": 1, "root": RULE})
        sampled, whole = (_replayed(rule, sample) for sample in (SAMPLE, None))
        rounds = Effort(seconds=effort.seconds / 2, rounds=min(effort.rounds, 3))
        return [
            *_compare("sample_seconds", sampled, rounds),
            *_compare("exact_seconds", whole, rounds),
        ]


def _replayed(rule: Rule, sample: int | None) -> Callable[[], Replay]:
    return lambda: replay(rule, start=END - SPAN, end=END, sample=sample)


def _compare(name: str, ask: Callable[[], Replay], effort: Effort) -> Iterator[Result]:
    """Take turns with a plain read of all the events that the rule is about."""
    times: list[float] = []
    floors: list[float] = []
    answer, end = ask(), time.perf_counter() + effort.seconds
    while len(times) < effort.rounds or time.perf_counter() < end:
        started = time.perf_counter()
        answer = ask()
        times.append(time.perf_counter() - started)
        started = time.perf_counter()
        n = _read_plainly()
        floors.append(time.perf_counter() - started)
    seconds, floor = statistics.median(times), statistics.median(floors)
    yield Result(
        name=name,
        value=seconds,
        unit="s",
        floor=f"{answer.replayed:,} of {answer.population:,} profiles; a plain read of the "
        f"{n:,} events that the rule is about: {floor:.3f} s (median)",
        ratio=seconds / floor,
    )


def _read_plainly() -> int:
    """Read what any replay of all has to read, as the ORM does it."""
    names = ("Product Viewed", "Order Completed")
    rows = Event.objects.filter(name__in=names, timestamp__lt=END).values_list(
        "identity__profile", "name", "timestamp", "message_id"
    )
    return sum(1 for _ in rows.order_by("identity__profile", "timestamp").iterator())


def _fill(stored: int) -> None:
    """Store so many events of visitors, each of whom comes back now and then."""
    rng = random.Random(1)  # noqa: S311 - the same visitors every time
    source = Source.objects.create(slug="timemachine", name="Time machine")
    n = max(stored // EVENTS, 1)
    profiles = Profile.objects.bulk_create([Profile() for _ in range(n)])
    identities = Identity.objects.bulk_create(
        [
            Identity(profile=profile, namespace=Identity.ANONYMOUS, value=f"visitor-{number}")
            for number, profile in enumerate(profiles)
        ]
    )
    rows: list[bulk.Row] = []
    firsts: list[datetime] = []
    for number, identity in enumerate(identities):
        instants = _instants(rng)
        firsts.append(instants[0])
        rows += [_row(identity.pk, source.pk, at, f"{number}-{i}", rng)
                 for i, at in enumerate(instants)]  # fmt: skip
        if len(rows) >= PORTION:
            bulk.insert(Event, rows)
            sys.stderr.write(f"{number * EVENTS:,} of {stored:,} events stored\n")
            rows = []
    bulk.insert(Event, rows)
    Snapshot.objects.bulk_create(
        [Snapshot(profile=profile, first_seen=first)
         for profile, first in zip(profiles, firsts, strict=True)]
    )  # fmt: skip
    segment = Segment.objects.create(name="Known", slug="known", kind=Segment.Kind.MANUAL)
    Membership.objects.bulk_create(
        Membership(segment=segment, profile=profile, since=END - SPAN) for profile in profiles[::2]
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as a database does that has been in use for a while


def _instants(rng: random.Random) -> list[datetime]:
    """Return when a visitor does something: in a few visits."""
    visits = [rng.uniform(0, DAYS * 86400 - 3600) for _ in range(5)]
    instants = [rng.choice(visits) + rng.uniform(0, 1800) for _ in range(EVENTS)]
    return [END - timedelta(days=DAYS) + timedelta(seconds=each) for each in sorted(instants)]


def _row(
    identity_id: int, source_id: int, at: datetime, message_id: str, rng: random.Random
) -> bulk.Row:
    return {
        "identity_id": identity_id,
        "source_id": source_id,
        "message_id": message_id,
        "type": "track",
        "name": rng.choice(NAMES),
        "properties": {"price": rng.randrange(100), "category": "boots"},
        "context": {},
        "timestamp": at,
        "received_at": at,
    }
