"""What becomes of a profile that turns out to be a known user's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personalization import shortcuts, signals
from personalization.profiles.identity import Key, find
from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.segments.manual import add_members
from personalization.segments.models import Membership, Segment
from personalization.segments.population import members
from personalization.testing import drain

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
RULE = {
    "version": 1,
    "root": {
        "combinator": "and",
        "rules": [{"kind": "event", "event": "Product Added", "operator": ">=", "value": 1}],
    },
}
VISITOR, USER = Key(Identity.ANONYMOUS, "a1"), Key(Identity.USER, "u1")


@pytest.fixture
def vips() -> Segment:
    return Segment.objects.create(name="VIPs", slug="vips", kind=Segment.Kind.MANUAL)


@pytest.fixture
def told() -> Iterator[list[tuple[str, int]]]:
    heard: list[tuple[str, int]] = []

    def entered(**said: Any) -> None:
        heard.append(("entered", said["profile_id"]))

    def left(**said: Any) -> None:
        heard.append(("left", said["profile_id"]))

    signals.segment_entered.connect(entered)
    signals.segment_left.connect(left)
    yield heard
    signals.segment_entered.disconnect(entered)
    signals.segment_left.disconnect(left)


def visit() -> int:
    shortcuts.track("Product Added", anonymous_id="a1")
    drain()
    return profile_of(VISITOR)


def profile_of(key: Key) -> int:
    return find([key])[key].profile_id


def log_in() -> int:
    shortcuts.identify(user_id="u1", anonymous_id="a1")
    drain()
    return profile_of(USER)


def test_what_a_person_entered_goes_along(vips: Segment) -> None:
    visitor = visit()
    add_members(vips, [visitor], now=NOW, until=NOW + 3 * HOUR)
    user = log_in()
    row = Membership.objects.get(segment=vips)
    assert (row.profile_id, row.since, row.until) == (user, NOW, NOW + 3 * HOUR)
    assert not Profile.objects.filter(pk=visitor).exists()
    assert str(vips.pk) in Snapshot.objects.get().memberships


def test_of_two_memberships_the_longer_span_counts(vips: Segment) -> None:
    shortcuts.track("Page Seen", user_id="u1")
    visitor = visit()
    add_members(vips, [profile_of(USER)], now=NOW + HOUR / 2, until=NOW + HOUR)
    add_members(vips, [visitor], now=NOW)
    user = log_in()
    assert list(members(vips, now=NOW + 5 * HOUR).values_list("pk", flat=True)) == [user]


def test_the_departures_of_who_is_merged_away_are_told(
    told: list[tuple[str, int]], django_capture_on_commit_callbacks: Any
) -> None:
    Segment.objects.create(name="Carts", slug="carts", rule=RULE)
    with django_capture_on_commit_callbacks(execute=True):
        visitor = visit()
    with django_capture_on_commit_callbacks(execute=True):
        user = log_in()
    assert told[0] == ("entered", visitor)
    assert sorted(told[1:]) == [("entered", user), ("left", visitor)]
