"""What time alone changes: told at its own instant, with no event and no nightly job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personalization.profiles.models import Profile
from personalization.segments import settle
from personalization.segments.manual import add_members
from personalization.segments.models import Membership, Segment
from personalization.segments.population import members
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships
from tests.rules.building import either, happened, none_of, rule, segment
from tests.segments.conftest import Told, rows, snapshot

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
Happen = Callable[..., None]

CARTS = rule(happened("Product Added", last="PT24H"))
LEFT_ALONE = rule(
    happened("Product Added", last="PT24H"), happened("Product Added", "=", 0, last="PT1H")
)


@pytest.fixture
def visitor(make_profile: Callable[..., Profile]) -> Profile:
    return make_profile()


@pytest.fixture
def live(make_segment: Callable[..., Segment]) -> Callable[..., Segment]:
    """Make a segment whose rule every snapshot already follows."""

    def make(slug: str, stored: Any = None) -> Segment:
        made = make_segment(slug, stored)
        refresh_segments(now=NOW - DAY)
        return made

    return make


def test_a_departure_is_told_at_its_instant_however_late_the_sweep(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    carts = live("carts", CARTS)
    happen(visitor, "Product Added", at=NOW)
    assert settle_memberships(now=NOW + DAY + 5 * HOUR) == 1
    assert rows(visitor, carts) == [(NOW, NOW + DAY, True)]
    assert told[-1] == ("left", "carts", visitor.pk, NOW + DAY)
    assert (snapshot(visitor).memberships, snapshot(visitor).due_at) == ({}, None)


def test_nothing_is_due_a_microsecond_before(
    live: Callable[..., Segment], visitor: Profile, happen: Happen
) -> None:
    carts = live("carts", CARTS)
    happen(visitor, "Product Added", at=NOW)
    assert settle_memberships(now=NOW + DAY - MICROSECOND) == 0
    assert settle_memberships(now=NOW + DAY) == 1
    assert rows(visitor, carts)[0][2] is True


def test_a_second_sweep_tells_nothing_twice(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    live("carts", CARTS)
    happen(visitor, "Product Added", at=NOW)
    settle_memberships(now=NOW + 2 * DAY)
    assert settle_memberships(now=NOW + 2 * DAY) == 0
    assert [what for what, *_ in told] == ["entered", "left"]


def test_an_absence_ripens_at_its_instant(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    alone = live("alone", LEFT_ALONE)
    happen(visitor, "Product Added", at=NOW)
    settle_memberships(now=NOW + HOUR + HOUR / 2)
    assert told == [("entered", "alone", visitor.pk, NOW + HOUR)]
    assert rows(visitor, alone) == [(NOW + HOUR, NOW + DAY, False)]
    assert snapshot(visitor).due_at == NOW + DAY


def test_several_missed_edges_are_told_in_order(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    """Twice within six hours, or nothing for twelve: in, out, in again, with no event."""
    restless = live(
        "restless",
        rule(
            happened("Page Viewed"),
            either(
                happened("Page Viewed", ">=", 2, last="PT6H"),
                none_of(happened("Page Viewed", last="PT12H")),
            ),
        ),
    )
    happen(visitor, "Page Viewed", "Page Viewed", at=NOW)
    assert settle_memberships(now=NOW + 3 * DAY) == 1
    assert told == [
        ("entered", "restless", visitor.pk, NOW),
        ("left", "restless", visitor.pk, NOW + 6 * HOUR),
        ("entered", "restless", visitor.pk, NOW + 12 * HOUR),
    ]
    assert rows(visitor, restless) == [
        (NOW, NOW + 6 * HOUR, True),
        (NOW + 12 * HOUR, None, False),
    ]


def test_edges_of_several_segments_are_told_in_order_of_time(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    live("day", CARTS)
    live("hour", rule(happened("Product Added", last="PT1H")))
    live("alone", LEFT_ALONE)
    happen(visitor, "Product Added", at=NOW)
    told.clear()
    settle_memberships(now=NOW + 2 * DAY)
    assert [(what, slug, at) for what, slug, _, at in told] == [
        ("left", "hour", NOW + HOUR),
        ("entered", "alone", NOW + HOUR),
        ("left", "day", NOW + DAY),
        ("left", "alone", NOW + DAY),
    ]


def test_a_membership_by_hand_begins_and_ends_by_itself(
    live: Callable[..., Segment], visitor: Profile, told: Told
) -> None:
    vips = live("vips")
    lounge = live("lounge", rule(segment("vips")))
    add_members(vips, [visitor.pk], now=NOW, until=NOW + HOUR)
    settle_memberships(now=NOW + DAY)
    assert rows(visitor, vips) == rows(visitor, lounge) == [(NOW, NOW + HOUR, True)]
    assert [(what, at) for what, slug, _, at in told if slug == "lounge"] == [
        ("entered", NOW),
        ("left", NOW + HOUR),
    ]


def test_pages_and_counts_do_not_wait_for_the_sweep(
    live: Callable[..., Segment], visitor: Profile, happen: Happen
) -> None:
    alone = live("alone", LEFT_ALONE)
    happen(visitor, "Product Added", at=NOW)
    for after, expected in [
        (HOUR - MICROSECOND, False),
        (HOUR, True),
        (DAY - MICROSECOND, True),
        (DAY, False),
    ]:
        assert members(alone, now=NOW + after).exists() is expected


def test_all_that_are_due_are_settled_in_chunks(
    live: Callable[..., Segment],
    make_profile: Callable[..., Profile],
    happen: Happen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settle, "CHUNK", 2)
    live("carts", CARTS)
    for number in range(5):
        happen(make_profile(), "Product Added", at=NOW + number * HOUR)
    assert settle_memberships(now=NOW + DAY + 3 * HOUR) == 4
    assert Membership.objects.filter(settled=False).count() == 1


def test_a_segment_switched_off_meanwhile_ends(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    carts = live("carts", CARTS)
    happen(visitor, "Product Added", at=NOW)
    carts.active = False
    carts.save()
    settle_memberships(now=NOW + DAY)
    assert rows(visitor, carts) == [(NOW, NOW + DAY, True)]


def test_a_segment_deleted_meanwhile_is_forgotten(
    live: Callable[..., Segment], visitor: Profile, happen: Happen
) -> None:
    carts = live("carts", CARTS)
    happen(visitor, "Product Added", at=NOW)
    carts.delete()
    assert settle_memberships(now=NOW + DAY) == 1
    assert snapshot(visitor).memberships == {}
    assert Membership.objects.count() == 0
