"""Synthetic visitors in the database: stored, they are members, and after leaving they are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from personalization.exceptions import NoWitness
from personalization.profiles.models import Identity, Snapshot
from personalization.segments.models import Segment
from personalization.segments.population import linked, matching, members
from personalization.segments.refresh import refresh_segments
from personalization.testing import synthetic_visitor
from tests.rules.building import (
    Stored,
    absent,
    consent,
    context,
    feature,
    happened,
    measured,
    none_of,
    prop,
    recency,
    rule,
    sequence,
    trait,
)
from tests.rules.building import segment as in_segment

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def group(*leaves: Stored, slug: str = "group") -> Segment:
    found = Segment.objects.create(name=slug, slug=slug, rule=rule(*leaves))
    refresh_segments(now=NOW - timedelta(days=100))
    return found


LEAVES = {
    "count": happened("Product Viewed", ">=", 3, last="P1D", where=prop("category", "=", "shoes")),
    "sum": measured("sum", "price", ">=", 99.5, last="P1W"),
    "absence": none_of(happened("Page Viewed", last="P1W")),
    "recency": recency("Order Completed", ">=", "P30D"),
    "sequence": sequence("Product Added", absent("Order Completed", within="PT1H"), last="P1D"),
    "trait": trait("plan", "=", "pro"),
    "nested trait": trait("address.city", "=", "Köln"),
    "consent": consent("marketing"),
}


@pytest.mark.parametrize("kind", LEAVES)
def test_who_enters_is_a_member_until_they_leave(kind: str) -> None:
    segment = group(LEAVES[kind])
    visitor = synthetic_visitor(segment, now=NOW)
    assert visitor.entered_at >= NOW
    assert visitor.profile in members(segment, now=visitor.entered_at)
    left = visitor.leave()
    assert visitor.profile not in members(segment, now=left)


def test_sql_says_the_same_of_them() -> None:
    segment = group(LEAVES["count"], LEAVES["trait"])
    visitor = synthetic_visitor(segment, now=NOW)
    assert matching(linked(segment.rule), now=visitor.entered_at) == {visitor.profile.pk}


def test_a_segment_kept_by_hand_is_entered_by_hand() -> None:
    vips = Segment.objects.create(name="VIPs", slug="vips", kind=Segment.Kind.MANUAL)
    both = group(in_segment("vips"), happened("Product Viewed", last="P1D"))
    visitor = synthetic_visitor(both, now=NOW)
    assert visitor.profile in members(vips, now=visitor.entered_at)
    assert visitor.profile in members(both, now=visitor.entered_at)


def test_several_visitors_do_not_get_into_each_others_way() -> None:
    segment = group(LEAVES["count"])
    one, other = (synthetic_visitor(segment, now=NOW) for _ in range(2))
    assert set(members(segment, now=NOW)) == {one.profile, other.profile}
    assert Identity.objects.count() == 2


def test_their_snapshot_is_what_their_events_say() -> None:
    visitor = synthetic_visitor(group(LEAVES["trait"], LEAVES["consent"]), now=NOW)
    snapshot = Snapshot.objects.get(pk=visitor.profile.pk)
    assert snapshot.traits == {"plan": "pro"}
    assert snapshot.consents == {"marketing": True}
    assert snapshot.first_seen == visitor.entered_at


def test_nobody_enters_a_contradiction() -> None:
    segment = group(trait("plan", "=", "a"), trait("plan", "=", "b"))
    with pytest.raises(NoWitness, match="contradict"):
        synthetic_visitor(segment, now=NOW)


def test_who_cannot_leave_says_so() -> None:
    visitor = synthetic_visitor(group(happened("Order Completed")), now=NOW)
    with pytest.raises(NoWitness, match="lets this visitor leave"):
        visitor.leave()


def test_what_cannot_be_stored_is_refused() -> None:
    with pytest.raises(NoWitness, match="cannot be stored: propensity"):
        synthetic_visitor(group(feature("propensity", ">", 0.5)), now=NOW)
    with pytest.raises(NoWitness, match="send it with the request: device"):
        synthetic_visitor(group(context("device", "=", "mobile"), slug="mobile"), now=NOW)
