"""State is a function of the set of events: live path and rebuild agree (law 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from personalization.clock import microseconds
from personalization.events.buffer import Batch, buffer
from personalization.events.models import Event, Source
from personalization.ingest.arrival import Arrival
from personalization.ingest.pipeline import process_events
from personalization.profiles.identity import Key, find
from personalization.profiles.models import Profile, Snapshot, Visit
from personalization.segments import rebuild
from personalization.segments.live import forget, live_rules
from personalization.segments.models import Membership, Segment
from personalization.segments.population import matching, members
from personalization.segments.rebuild import checksum, derived_snapshots, rebuild_profiles
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships
from tests.effort import Tries, some_or_all
from tests.rules.building import both, feature, happened, none_of, prop, rule, segment, trait
from tests.segments.conftest import rows, snapshot

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

RULES = {
    "carts": rule(happened("Product Added", last="PT1H")),
    "left-alone": rule(
        happened("Product Added", last="PT3H"), happened("Product Added", "=", 0, last="PT1H")
    ),
    "abandoned": rule(
        happened("Product Added", last="PT3H"), none_of(happened("Order Completed", last="PT3H"))
    ),
    "shoes": rule(
        happened("Product Added", ">=", 2, where=both(prop("category", "=", "shoes")), last="PT3H")
    ),
    "spenders": rule(feature("orders.revenue", ">", 50), feature("visits.count", ">=", 2)),
    "pros": rule(trait("plan", "=", "pro")),
    "pro-carts": rule(segment("pros"), segment("carts")),
    "once": rule(happened("Order Completed", "=", 1)),
    "keen": rule(feature("interest.score", ">=", 6)),
    "active": rule(feature("engagement.class", "=", "active")),
    "regained": rule(
        feature("rfm.group", "in", ["potential loyalists", "champions"]),
        feature("lifecycle.stage", "=", "new"),
    ),
}


def arrival(number: int, kind: int, minutes: int, who: str) -> dict[str, Any]:
    """Return the event with this number; equal numbers are the same event sent again."""
    name, properties = [
        ("Product Added", {"category": "shoes", "price": 59.9}),
        ("Product Added", {"category": "hats"}),
        ("Order Completed", {"total": 19.99}),
        ("Page Viewed", {"path": "/größe/“100%”"}),
        ("identify", {"plan": "pro"}),
        ("identify", {"plan": None, "city": "Köln"}),
    ][kind]
    at = microseconds(NOW - minutes * MINUTE)
    type_ = "identify" if name == "identify" else "track"
    return dict(
        Arrival(
            type=type_,
            name=name,
            properties=properties,
            context={},
            at=at,
            message_id=f"message-{number}",
            key=Key("user", who),
        ).to_json()
    )


class Site:
    """Batches that arrive one after the other, worked on by a worker that may be slow."""

    def __init__(self, who: str) -> None:
        self.who = who
        self.source = Source.objects.create(name=who, slug=who, kind=Source.Kind.SERVER)

    def receive(self, events: list[dict[str, Any]], *, at: datetime) -> None:
        buffer().append(Batch(source_id=self.source.pk, events=events, received_at=at))
        process_events(now=at)

    @property
    def snapshot(self) -> Snapshot:
        key = Key("user", self.who)
        return Snapshot.objects.get(pk=find([key])[key].profile_id)

    def visits(self) -> list[tuple[datetime, datetime, int]]:
        found = Visit.objects.filter(profile=self.snapshot.pk).order_by("started_at")
        return [(visit.started_at, visit.ended_at, visit.events) for visit in found]


@contextmanager
def rolled_back() -> Iterator[None]:
    """Give each example of a property test a database of its own."""
    forget()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def segments(make_segment: Callable[..., Segment]) -> dict[str, Segment]:
    made = {slug: make_segment(slug, stored) for slug, stored in RULES.items()}
    refresh_segments(now=NOW - DAY)
    return made


_events = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 360)), min_size=1, max_size=12).map(
    lambda drawn: list(enumerate(drawn))
)
_cuts = st.lists(st.integers(1, 4), min_size=12, max_size=12)


def deliver(site: Site, events: list[Any], cuts: list[int], *, settles: bool) -> datetime:
    now = NOW
    todo = [arrival(number, kind, minutes, site.who) for number, (kind, minutes) in events]
    for cut in cuts:
        if not todo:
            break
        site.receive(todo[:cut], at=now)
        todo = todo[cut:]
        now += 17 * MINUTE
        if settles:
            settle_memberships(now=now - MINUTE)
    return now


@some_or_all(80)
def test_any_order_and_repetition_gives_the_same_profile(
    tries: Tries, segments: dict[str, Segment]
) -> None:
    @tries
    @given(_events, _cuts, _cuts, st.randoms(use_true_random=False))
    def holds(events: list[Any], cuts: list[int], others: list[int], random: Any) -> None:
        again = random.sample(events, len(events)) + random.choices(events, k=3)
        with rolled_back():
            one, other = Site("one"), Site("other")
            end = max(
                deliver(one, events, cuts, settles=True),
                deliver(other, again, others, settles=False),
            )
            settle_memberships(now=end)
            assert told_of(one) == told_of(other)
            assert one.visits() == other.visits()
            for site in (one, other):
                agrees_with_the_log(site.snapshot, end)
            for made in segments.values():
                expected = matching(live_rules().rules[made.pk], now=end)
                assert set(members(made, now=end).values_list("pk", flat=True)) == expected

    holds()


def told_of(site: Site) -> dict[str, Any]:
    """Return the snapshot but for what names the profile and since when we know."""
    found = site.snapshot
    return {
        "traits": found.traits,
        "trait_times": found.trait_times,
        "sums": found.sums,
        "features": found.features,
        "counters": found.counters,
        "seen": (found.first_seen, found.last_seen),
        "until": {key: (until, told) for key, (_, until, told) in found.memberships.items()},
        "due": found.due_at,
    }


def agrees_with_the_log(kept: Snapshot, now: datetime) -> None:
    (derived,) = derived_snapshots([kept], live_rules(), now=now)
    assert checksum(kept) == checksum(derived)
    rebuild_profiles([kept.pk], now=now)
    rebuilt = Snapshot.objects.get(pk=kept.pk)
    assert checksum(rebuilt) == checksum(kept)
    assert (rebuilt.memberships, rebuilt.due_at) == (kept.memberships, kept.due_at)


def test_an_event_sent_twice_counts_once(segments: dict[str, Segment]) -> None:
    site = Site("alice")
    event = arrival(1, 2, 30, "alice")
    site.receive([event, event], at=NOW)
    site.receive([event], at=NOW + MINUTE)
    assert Event.objects.count() == 1
    assert site.snapshot.features["orders.count"] == 1


def test_a_rebuild_repairs_what_was_damaged(segments: dict[str, Segment]) -> None:
    site = Site("alice")
    site.receive([arrival(1, 0, 30, "alice"), arrival(2, 4, 20, "alice")], at=NOW)
    before = site.snapshot
    Snapshot.objects.update(traits={}, counters={}, sums={}, features={}, first_seen=None)
    Visit.objects.all().delete()
    assert rebuild_profiles([before.pk], now=NOW) == 1
    assert checksum(site.snapshot) == checksum(before)
    assert site.visits() == [(NOW - 30 * MINUTE, NOW - 20 * MINUTE, 2)]


def test_a_difference_between_snapshot_and_log_shows_in_the_checksum(
    segments: dict[str, Segment],
) -> None:
    site = Site("alice")
    site.receive([arrival(1, 0, 30, "alice")], at=NOW)
    Snapshot.objects.update(features={"orders.count": 7})
    kept = site.snapshot
    (derived,) = derived_snapshots([kept], live_rules(), now=NOW)
    assert checksum(kept) != checksum(derived)


def test_a_rebuild_keeps_since_and_tells_nobody(
    segments: dict[str, Segment], told: list[Any]
) -> None:
    site = Site("alice")
    site.receive([arrival(1, 0, 30, "alice")], at=NOW)
    profile = site.snapshot.profile
    before = rows(profile, segments["carts"])
    told.clear()
    rebuild_profiles([profile.pk], now=NOW + 10 * MINUTE)
    assert rows(profile, segments["carts"]) == before == [(NOW, NOW + 30 * MINUTE, False)]
    assert told == []


def test_a_rebuild_ends_memberships_of_deleted_segments(
    segments: dict[str, Segment],
) -> None:
    site = Site("alice")
    site.receive([arrival(1, 4, 30, "alice")], at=NOW)
    pros = str(segments["pros"].serving_id)
    assert pros in site.snapshot.memberships
    segments["pro-carts"].delete()
    segments["pros"].delete()
    rebuild_profiles([site.snapshot.pk], now=NOW)
    assert pros not in site.snapshot.memberships


def test_profiles_are_rebuilt_in_chunks(
    segments: dict[str, Segment],
    make_profile: Callable[..., Profile],
    make_event: Callable[..., Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuild, "CHUNK", 2)
    profiles = [make_profile() for _ in range(5)]
    for profile in profiles:
        make_event(profile, "Product Added", at=NOW)
    assert rebuild_profiles((profile.pk for profile in profiles), now=NOW) == 5
    assert all(snapshot(profile).features["cart.adds"] == 1 for profile in profiles)
    assert Membership.objects.filter(segment=segments["carts"]).count() == 5
