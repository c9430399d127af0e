"""What becomes of a profile that turns out to be a known user's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personalization import shortcuts, signals
from personalization.monitoring.audit import audit_profiles
from personalization.profiles.identity import Key, find, find_or_create
from personalization.profiles.models import Identity, Merge, Profile, Snapshot
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


def be_known() -> None:
    """Have the user do something elsewhere, before anybody knows who the visitor is."""
    shortcuts.track("Page Seen", user_id="u1")
    drain()


def log_in() -> int:
    shortcuts.identify(user_id="u1", anonymous_id="a1")
    drain()
    return profile_of(USER)


def test_who_logs_in_for_the_first_time_goes_on_as_who_they_were(vips: Segment) -> None:
    visitor = visit()
    add_members(vips, [visitor], now=NOW)
    assert log_in() == profile_of(VISITOR) == visitor
    assert Membership.objects.get(segment=vips).profile_id == visitor
    assert Profile.objects.count() == 1
    assert not list(audit_profiles(now=datetime.now(UTC)))


def test_a_visitor_who_only_answered_goes_on_too() -> None:
    visitor = find_or_create([VISITOR])[VISITOR].profile_id
    Snapshot.objects.filter(pk=visitor).update(consents={"personalization": True})
    assert log_in() == visitor


def test_what_a_person_entered_goes_along(vips: Segment) -> None:
    be_known()
    visitor = visit()
    add_members(vips, [visitor], now=NOW, until=NOW + 30 * HOUR)
    user = log_in()
    row = Membership.objects.get(segment=vips)
    assert (row.profile_id, row.since, row.until) == (user, NOW, NOW + 30 * HOUR)
    assert not Profile.objects.filter(pk=visitor).exists()
    assert str(vips.serving_id) in Snapshot.objects.get().memberships


def test_of_two_memberships_the_longer_span_counts(vips: Segment) -> None:
    be_known()
    visitor = visit()
    add_members(vips, [profile_of(USER)], now=NOW + HOUR / 2, until=NOW + HOUR)
    add_members(vips, [visitor], now=NOW)
    user = log_in()
    assert list(members(vips, now=NOW + 5 * HOUR).values_list("pk", flat=True)) == [user]


def test_the_departures_of_who_is_merged_away_are_told(
    told: list[tuple[str, int]], django_capture_on_commit_callbacks: Any
) -> None:
    Segment.objects.create(name="Carts", slug="carts", rule=RULE)
    be_known()
    with django_capture_on_commit_callbacks(execute=True):
        visitor = visit()
    with django_capture_on_commit_callbacks(execute=True):
        user = log_in()
    assert told[0] == ("entered", visitor)
    assert sorted(told[1:]) == [("entered", user), ("left", visitor)]


# -- a device that turns out to be somebody else's -----------------------------------------


def said(user: str, *, hours_ago: float, name: str = "Product Added") -> None:
    """Have the user do something on the tablet; that is heard only now."""
    shortcuts.track(name, user_id=user, anonymous_id="tablet", timestamp=NOW - hours_ago * HOUR)
    drain()


def count(key: Key) -> Any:
    return Snapshot.objects.get(pk=profile_of(key)).features["events.count"]


def test_a_device_goes_to_its_first_user_though_that_is_heard_last() -> None:
    tablet, zoe, adam = (Key("anonymous", "tablet"), Key("user", "zoe"), Key("user", "adam"))
    shortcuts.track("Seen", anonymous_id="tablet", timestamp=NOW - 9 * HOUR)
    said("adam", hours_ago=1)
    assert profile_of(tablet) == profile_of(adam)
    assert count(adam) == 2
    said("zoe", hours_ago=5)
    assert profile_of(tablet) == profile_of(zoe) != profile_of(adam)
    assert (count(zoe), count(adam)) == (2, 1)
    assert not list(audit_profiles(now=datetime.now(UTC)))


def test_segments_follow_the_device(told: list[tuple[str, int]]) -> None:
    rule = {"version": 1, "root": {"combinator": "and", "rules": [
        {"kind": "event", "event": "Seen", "operator": ">=", "value": 1}]}}  # fmt: skip
    seen = Segment.objects.create(name="Seen", slug="seen", rule=rule)
    shortcuts.track("Seen", anonymous_id="tablet", timestamp=NOW - 9 * HOUR)
    said("adam", hours_ago=1)
    now = datetime.now(UTC)
    assert list(members(seen, now=now).values_list("pk", flat=True)) == [
        profile_of(Key("user", "adam"))
    ]
    said("zoe", hours_ago=5)
    now = datetime.now(UTC)
    assert list(members(seen, now=now).values_list("pk", flat=True)) == [
        profile_of(Key("user", "zoe"))
    ]


def test_what_a_person_entered_stays_with_the_user_whom_the_device_leaves(vips: Segment) -> None:
    said("adam", hours_ago=1)
    adam = profile_of(Key("user", "adam"))
    add_members(vips, [adam], now=NOW)
    said("zoe", hours_ago=5)
    assert Membership.objects.get(segment=vips).profile_id == adam


def test_the_log_has_every_move() -> None:
    said("adam", hours_ago=1)
    said("zoe", hours_ago=5)
    adam, zoe = profile_of(Key("user", "adam")), profile_of(Key("user", "zoe"))
    first, second = Merge.objects.order_by("pk")
    assert first.target_profile == second.source_profile == adam
    assert second.target_profile == zoe
    assert second.identities == [["anonymous", "tablet"]]
    assert second.others == [["user", "zoe"]]
