"""Memberships follow events: begun, prolonged, ended, and told once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from personalization import signals
from personalization.clock import microseconds
from personalization.profiles.models import Profile
from personalization.segments.membership import load_spans
from personalization.segments.models import Membership, Segment
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships
from tests.rules.building import feature, happened, none_of, rule, trait
from tests.segments.conftest import Told, rows, snapshot

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Happen = Callable[..., None]

CARTS = rule(happened("Product Added", last="PT24H"))
ABANDONED = rule(happened("Product Added", last="PT24H"), none_of(happened("Order Completed")))
#: A cart that was left alone for an hour: ripens by time alone, once, and ends after a day.
LEFT_ALONE = rule(
    happened("Product Added", last="PT24H"), happened("Product Added", "=", 0, last="PT1H")
)


@pytest.fixture
def visitor(make_profile: Callable[..., Profile]) -> Profile:
    return make_profile()


@pytest.fixture
def live(make_segment: Callable[..., Segment]) -> Callable[..., Segment]:
    """Make a segment whose rule every snapshot already follows."""

    def make(slug: str, stored: Any) -> Segment:
        segment = make_segment(slug, stored)
        refresh_segments(now=NOW - DAY)
        return segment

    return make


def test_an_event_begins_a_membership_with_its_exact_end(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    carts = live("carts", CARTS)
    happen(visitor, "Product Added", at=NOW - HOUR, now=NOW)
    assert rows(visitor, carts) == [(NOW, NOW + 23 * HOUR, False)]
    assert snapshot(visitor).due_at == NOW + 23 * HOUR
    assert told == [("entered", "carts", visitor.pk, NOW)]


def test_a_further_event_moves_the_end_and_tells_nobody(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    carts = live("carts", CARTS)
    happen(visitor, "Product Added", at=NOW)
    happen(visitor, "Product Added", at=NOW + HOUR)
    assert rows(visitor, carts) == [(NOW, NOW + 25 * HOUR, False)]
    assert len(told) == 1


def test_an_event_that_arrives_late_does_not_move_the_end_back(
    live: Callable[..., Segment], visitor: Profile, happen: Happen
) -> None:
    carts = live("carts", CARTS)
    happen(visitor, "Product Added", at=NOW)
    happen(visitor, "Product Added", at=NOW - 5 * HOUR, now=NOW + HOUR)
    assert rows(visitor, carts) == [(NOW, NOW + 24 * HOUR, False)]


def test_an_event_ends_a_membership_at_once(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    abandoned = live("abandoned", ABANDONED)
    happen(visitor, "Product Added", at=NOW)
    happen(visitor, "Order Completed", at=NOW + HOUR)
    assert rows(visitor, abandoned) == [(NOW, NOW + HOUR, True)]
    assert snapshot(visitor).memberships == {}
    assert told[-1] == ("left", "abandoned", visitor.pk, NOW + HOUR)


def test_who_comes_again_gets_a_new_row_and_keeps_the_old(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    carts = live("carts", CARTS)
    happen(visitor, "Product Added", at=NOW)
    happen(visitor, "Product Added", at=NOW + 2 * DAY)
    assert rows(visitor, carts) == [
        (NOW, NOW + DAY, True),
        (NOW + 2 * DAY, NOW + 3 * DAY, False),
    ]
    assert told == [
        ("entered", "carts", visitor.pk, NOW),
        ("left", "carts", visitor.pk, NOW + DAY),
        ("entered", "carts", visitor.pk, NOW + 2 * DAY),
    ]


def test_an_absence_is_kept_ahead_and_not_told(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    segment = live("left-alone", LEFT_ALONE)
    happen(visitor, "Product Added", at=NOW)
    assert rows(visitor, segment) == [(NOW + HOUR, NOW + DAY, False)]
    assert snapshot(visitor).due_at == NOW + HOUR
    assert told == []


def test_an_event_before_it_ripens_moves_an_absence(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    segment = live("left-alone", LEFT_ALONE)
    happen(visitor, "Product Added", at=NOW)
    happen(visitor, "Product Added", at=NOW + 30 * MINUTE)
    ahead = (NOW + 90 * MINUTE, NOW + DAY + 30 * MINUTE, False)
    assert rows(visitor, segment) == [ahead]
    assert told == []


def test_an_event_before_it_ripens_calls_an_absence_off(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    never_ordered = rule(*LEFT_ALONE["root"]["rules"], none_of(happened("Order Completed")))
    segment = live("left-alone", never_ordered)
    happen(visitor, "Product Added", at=NOW)
    assert len(rows(visitor, segment)) == 1
    happen(visitor, "Order Completed", at=NOW + 30 * MINUTE)
    assert rows(visitor, segment) == []
    assert snapshot(visitor).due_at is None
    assert told == []


def test_an_event_that_comes_late_but_happened_in_time_prevents_an_entry(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    segment = live("left-alone", LEFT_ALONE)
    happen(visitor, "Product Added", at=NOW)
    happen(visitor, "Product Added", at=NOW + 30 * MINUTE, now=NOW + 70 * MINUTE)
    assert rows(visitor, segment)[0][0] == NOW + 90 * MINUTE
    assert told == []


def test_an_event_that_comes_late_but_happened_in_time_prevents_a_departure(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    carts = live("carts", CARTS)
    happen(visitor, "Product Added", at=NOW)
    happen(visitor, "Product Added", at=NOW + HOUR, now=NOW + DAY + MINUTE)
    assert rows(visitor, carts) == [(NOW, NOW + DAY + HOUR, False)]
    assert [what for what, *_ in told] == ["entered"]


def test_what_was_missed_between_two_events_is_told_in_order(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    segment = live("left-alone", LEFT_ALONE)
    happen(visitor, "Product Added", at=NOW)
    happen(visitor, "Product Added", at=NOW + 3 * DAY)
    assert rows(visitor, segment) == [
        (NOW + HOUR, NOW + DAY, True),
        (NOW + 3 * DAY + HOUR, NOW + 4 * DAY, False),
    ]
    assert told == [
        ("entered", "left-alone", visitor.pk, NOW + HOUR),
        ("left", "left-alone", visitor.pk, NOW + DAY),
    ]


def test_changes_of_several_segments_are_told_in_order_of_time(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    live("week", rule(happened("Product Added", last="P7D")))
    live("carts", CARTS)
    live("back", rule(happened("Product Added", ">=", 2)))
    happen(visitor, "Product Added", at=NOW)
    told.clear()
    happen(visitor, "Product Added", at=NOW + 8 * DAY)
    assert [(what, slug) for what, slug, *_ in told] == [
        ("left", "carts"),
        ("left", "week"),
        ("entered", "week"),
        ("entered", "carts"),
        ("entered", "back"),
    ]


def test_segments_that_cannot_have_changed_are_left_alone(
    live: Callable[..., Segment], visitor: Profile, happen: Happen
) -> None:
    live("carts", CARTS)
    frequent = live("frequent", rule(feature("pages.count", ">=", 2)))
    happen(visitor, "Page Viewed", "Page Viewed", at=NOW)
    happen(visitor, "Product Added", at=NOW + HOUR)
    assert rows(visitor, frequent) == [(NOW, None, False)]


def test_a_stated_trait_begins_a_membership(
    live: Callable[..., Segment], visitor: Profile, happen: Happen
) -> None:
    pros = live("pros", rule(trait("plan", "=", "pro")))
    happen(visitor, "identify", kind="identify", at=NOW, plan="pro")
    assert rows(visitor, pros) == [(NOW, None, False)]
    happen(visitor, "identify", kind="identify", at=NOW + HOUR, plan=None)
    assert rows(visitor, pros) == [(NOW, NOW + HOUR, True)]


def test_only_one_membership_of_a_segment_can_be_open(
    live: Callable[..., Segment], visitor: Profile
) -> None:
    carts = live("carts", CARTS)
    Membership.objects.create(segment=carts, profile=visitor, since=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(segment=carts, profile=visitor, since=NOW)


def test_the_table_and_the_snapshot_say_the_same(
    live: Callable[..., Segment], make_profile: Callable[..., Profile], happen: Happen
) -> None:
    for slug, stored in {"carts": CARTS, "abandoned": ABANDONED, "left-alone": LEFT_ALONE}.items():
        live(slug, stored)
    visitors = [make_profile() for _ in range(3)]
    for hours in (0, 3, 26, 30, 60):
        for number, visitor in enumerate(visitors):
            name = "Order Completed" if (hours + number) % 5 == 0 else "Product Added"
            happen(visitor, name, at=NOW + (hours + number) * HOUR)
        settle_memberships(now=NOW + (hours + 3) * HOUR)
    for visitor in visitors:
        spans = load_spans(snapshot(visitor))
        opened = Membership.objects.filter(profile=visitor, settled=False)
        assert {
            row.version_id: (microseconds(row.since), row.until and microseconds(row.until))
            for row in opened
        } == {pk: (span.since, span.until) for pk, span in spans.items()}


def test_a_listener_that_fails_harms_nobody(
    live: Callable[..., Segment], visitor: Profile, happen: Happen, told: Told
) -> None:
    def fails(**_: Any) -> None:
        raise RuntimeError

    signals.segment_entered.connect(fails)
    try:
        carts = live("carts", CARTS)
        happen(visitor, "Product Added", at=NOW)
    finally:
        signals.segment_entered.disconnect(fails)
    assert len(rows(visitor, carts)) == len(told) == 1


def test_nobody_is_told_of_what_is_rolled_back(
    live: Callable[..., Segment],
    visitor: Profile,
    happen: Happen,
    django_capture_on_commit_callbacks: Any,
) -> None:
    live("carts", CARTS)
    happen(visitor, "Page Viewed", at=NOW - HOUR)
    with django_capture_on_commit_callbacks() as callbacks:
        with transaction.atomic():
            happen(visitor, "Product Added", at=NOW)
            transaction.set_rollback(True)
        assert callbacks == []
        happen(visitor, "Product Added", at=NOW)
    assert len(callbacks) == 1
