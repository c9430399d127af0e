"""Segments kept by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from personalization.profiles.identity import Key, find_or_create
from personalization.profiles.models import Profile
from personalization.segments import manual
from personalization.segments.live import live_rules
from personalization.segments.manual import add_members, add_members_until, remove_members
from personalization.segments.models import Membership, Segment
from personalization.segments.population import matching, members
from personalization.segments.rebuild import rebuild_profiles
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def vips() -> Segment:
    return Segment.objects.create(name="VIPs", slug="vips", kind=Segment.Kind.MANUAL)


@pytest.fixture
def profile_ids() -> list[int]:
    keys = [Key("user", name) for name in ("alice", "bob")]
    found = find_or_create(keys)
    return [found[key].profile_id for key in keys]


def ids_in(segment: Segment, now: datetime) -> set[int]:
    return set(members(segment, now=now).values_list("pk", flat=True))


def test_who_is_put_in_is_in_until_taken_out(vips: Segment, profile_ids: list[int]) -> None:
    alice, bob = profile_ids
    assert add_members(vips, profile_ids, now=NOW) == 2
    assert remove_members(vips, [bob], now=NOW + HOUR) == 1
    assert ids_in(vips, NOW) == {alice, bob}
    assert ids_in(vips, NOW + HOUR) == {alice}


def test_a_membership_with_an_end_leaves_by_itself(vips: Segment, profile_ids: list[int]) -> None:
    add_members(vips, profile_ids, now=NOW, until=NOW + HOUR)
    assert ids_in(vips, NOW + HOUR) == set()
    assert settle_memberships(now=NOW + HOUR) == 2
    assert settle_memberships(now=NOW + HOUR) == 0
    assert Membership.objects.filter(settled=True, until=NOW + HOUR).count() == 2


def test_putting_in_again_keeps_since_and_moves_the_end(
    vips: Segment, profile_ids: list[int]
) -> None:
    add_members(vips, profile_ids[:1], now=NOW, until=NOW + HOUR)
    add_members(vips, profile_ids[:1], now=NOW + HOUR / 2, until=NOW + 3 * HOUR)
    row = Membership.objects.get()
    assert (row.since, row.until) == (NOW, NOW + 3 * HOUR)


def test_rules_that_ask_for_the_segment_follow(vips: Segment, profile_ids: list[int]) -> None:
    rule = {
        "version": 1,
        "root": {"combinator": "and", "rules": [{"kind": "segment", "slug": "vips"}]},
    }
    lounge = Segment.objects.create(name="Lounge", slug="lounge", rule=rule)
    refresh_segments(now=NOW)
    alice = profile_ids[0]
    add_members(vips, [alice], now=NOW, until=NOW + HOUR)
    assert ids_in(lounge, NOW) == {alice}
    assert ids_in(lounge, NOW + HOUR) == set()
    compiled = live_rules().rules[lounge.pk]
    assert matching(compiled, now=NOW) == {alice}
    assert matching(compiled, now=NOW + HOUR) == set()


def test_a_rebuild_and_a_pause_keep_what_a_person_entered(
    vips: Segment, profile_ids: list[int]
) -> None:
    add_members(vips, profile_ids, now=NOW)
    vips.active = False
    vips.save()
    rebuild_profiles(profile_ids, now=NOW + HOUR)
    vips.active = True
    vips.save()
    assert ids_in(vips, NOW + 2 * HOUR) == set(profile_ids)


def test_nobody_comes_into_a_segment_that_has_ended(vips: Segment, profile_ids: list[int]) -> None:
    alice, bob = profile_ids
    add_members(vips, [alice], now=NOW)
    vips.ends_at = NOW + HOUR
    vips.save()
    assert add_members(vips, [bob], now=NOW + HOUR) == 0
    assert not Membership.objects.filter(profile=bob).exists()
    assert remove_members(vips, [alice], now=NOW + HOUR) == 1


def test_each_has_an_end_of_its_own(vips: Segment, profile_ids: list[int]) -> None:
    alice, bob = profile_ids
    assert add_members_until(vips, {alice: NOW + HOUR, bob: None, 10**9: None}, now=NOW) == 2
    assert ids_in(vips, NOW) == {alice, bob}
    assert ids_in(vips, NOW + HOUR) == {bob}


def test_many_are_put_in_a_few_at_a_time(
    vips: Segment, make_profile: Callable[..., Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manual, "CHUNK", 4)
    profiles = [make_profile().pk for _ in range(10)]
    assert add_members(vips, [*profiles, *profiles], now=NOW) == 10
    assert ids_in(vips, NOW) == set(profiles)
    assert remove_members(vips, profiles[:9], now=NOW + HOUR) == 9
    assert ids_in(vips, NOW + HOUR) == set(profiles[9:])
