"""Histories of a few people, as a trusted source would tell them, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from personalization.delivery.caps import Caps, of_candidate
from personalization.events.models import Source
from personalization.ingest.accept import keep
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.ingest.pipeline import process_events
from personalization.profiles.models import Profile
from personalization.segments.models import Membership
from personalization.segments.rebuild import checksum
from tests.rules.building import (
    both,
    either,
    feature,
    happened,
    measured,
    none_of,
    prop,
    recency,
    rule,
    sequence,
    step,
    trait,
    weekly,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=9)

#: One of each kind of leaf that events can change, alone and nested.
RULES: dict[str, Any] = {
    "abandoners": rule(
        happened("Product Added", last="P1D"), none_of(happened("Order Completed", last="P1D"))
    ),
    "twice-in-a-day": rule(happened("Product Viewed", ">=", 2, last="P1D")),
    "few-views": rule(happened("Product Viewed", "<", 3)),
    "shoes": rule(
        happened("Product Viewed", last="P3D", where=both(prop("category", "=", "shoes")))
    ),
    "busy": rule(either(feature("visits.count", ">", 2), feature("orders.revenue", ">", 20))),
    "pro": rule(trait("plan", "=", "pro")),
    "not-pro": rule(none_of(trait("plan", "=", "pro")), feature("events.count", ">", 1)),
    "early-march": rule(
        happened(
            "Product Viewed",
            window={"from": "2026-03-02T00:00:00Z", "to": "2026-03-04T00:00:00Z"},
        )
    ),
    "spenders": rule(measured("sum", "total", ">", 25, event="Order Completed", last="P3D")),
    "cheap-on-average": rule(measured("avg", "total", "<", 20, event="Order Completed")),
    "once-dear": rule(measured("max", "total", ">=", 25, event="Order Completed")),
    "choosy": rule(measured("distinct", "category", ">=", 2, event="*", last="P3D")),
    "days-here": rule(measured("days", None, ">=", 2, event="*")),
    "a-day-before": rule(happened("Product Viewed", window={"last": "P8D", "until": "P2D"})),
    "in-this-visit": rule(happened("*", ">=", 2, scope="visit")),
    "away": rule(recency("*", ">=", "P2D")),
    "regular": rule(weekly(event="*", period="P2D", periods=4, at_least=2, operator=">=", value=1)),
    "looked-then-bought": rule(
        sequence(step("Product Viewed"), step("Order Completed", within="PT1H"))
    ),
    "left-the-cart": rule(
        sequence(
            step("Product Viewed"),
            step("Product Added"),
            step("Order Completed", absent=True, within="P1D"),
            last="P9D",
        )
    ),
    "straight": rule(sequence(step("Product Added"), step("Product Added"), strict=True)),
    "shown-enough": Caps(total=4, daily=2, ignored=3).rule(of_candidate("variation:1")),
}

PEOPLE = ("ann", "bob", "cid")


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """Draw one call. Everybody has a phone; the tablet and the kiosk are shared."""
    person = draw(st.sampled_from(PEOPLE))
    device = draw(st.sampled_from([f"{person}-phone", "tablet", "kiosk"]))
    ids = draw(
        st.sampled_from(
            [{"userId": person}, {"anonymousId": device}, {"userId": person, "anonymousId": device}]
        )
    )
    # Close together, so that visits are extended and joined, and days apart.
    minutes = 15 * draw(st.integers(0, 11)) + draw(st.integers(0, 2))
    at = START + timedelta(days=draw(st.sampled_from([0, 1, 3, 7])), minutes=minutes)
    return {
        **ids,
        **draw(_whats),
        "timestamp": at.isoformat(),
        "messageId": f"m{draw(st.integers(0, 10**6))}",
    }


_whats = st.one_of(
    st.builds(
        lambda name, category, total: {
            "type": "track",
            "event": name,
            "properties": {"category": category, "total": total},
        },
        st.sampled_from(["Product Viewed", "Product Added", "Order Completed"]),
        st.sampled_from(["shoes", "hats", None]),
        st.sampled_from([9.99, 0.1, 25, "12", None]),
    ),
    st.builds(
        lambda plan, age: {"type": "identify", "traits": {"plan": plan, "age": age}},
        st.sampled_from(["pro", "free", None]),
        st.integers(20, 22),
    ),
    st.just({"type": "page", "properties": {"path": "/"}}),
    st.builds(
        lambda name, shown: {"type": "track", "event": name, "properties": {"variation": shown}},
        st.sampled_from(["Slot Shown", "Slot Shown", "Slot Clicked"]),
        st.sampled_from(["variation:1", "variation:2+variation:1", "variation:12"]),
    ),
)

HISTORIES = st.lists(calls(), min_size=1, max_size=14, unique_by=lambda call: call["messageId"])


def deliver(source: Source, batches: Sequence[Sequence[Any]], *, at: datetime) -> None:
    """Put the calls into the buffer as if each batch had arrived at the instant `at`."""
    sender = Sender(trusted=True, visitor_id=None, received_at=at)
    for batch in batches:
        arrivals = [read_event(call, sender=sender) for call in batch]
        keep(arrivals, source=source, sender=sender)


def process(source: Source, batches: Sequence[Sequence[Any]], *, at: datetime) -> None:
    deliver(source, batches, at=at)
    process_events(now=at)


def outcome(*, now: datetime) -> dict[frozenset[str], Any]:
    """Return what is known of each person, told apart by the identities it has."""
    return {
        frozenset(i.value for i in profile.identities.all()): (
            checksum(profile.snapshot),
            [(v.started_at, v.ended_at, v.events) for v in profile.visits.order_by("started_at")],
            sorted(
                Membership.objects.filter(profile=profile, settled=False, since__lte=now)
                .exclude(until__lte=now)
                .values_list("segment__slug", "until")
            ),
            profile.snapshot.due_at,
        )
        for profile in Profile.objects.select_related("snapshot")
    }
