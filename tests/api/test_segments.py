"""Segments and their members, as the site's own systems read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.profiles.models import Identity, Profile, Snapshot
from personalization.segments.manual import add_members, remove_members
from personalization.segments.models import Membership, Segment
from tests.admin.rules import CART
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def vips(make_segment: Callable[..., Segment]) -> Segment:
    return make_segment("vips", name="VIPs", description="By invitation.")


@pytest.fixture
def people(make_profile: Callable[..., Profile]) -> list[Profile]:
    return [make_profile(identity=f"visitor-of-{name}") for name in ("ann", "ben", "cat")]


# -- segments --------------------------------------------------------------------------------


def test_a_segment_tells_what_it_is(api: Api, vips: Segment, people: list[Profile]) -> None:
    add_members(vips, [each.pk for each in people], now=timezone.now())
    assert api.get("segments/vips") == {
        "slug": "vips",
        "name": "VIPs",
        "description": "By invitation.",
        "kind": "manual",
        "state": "fresh",
        "endsAt": None,
        "priority": 10,
        "weight": 1.0,
        "members": 3,
    }
    assert api.get("segments")["segments"] == [api.get("segments/vips")]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"active": False}, "off"),
        ({"ends_at": timezone.now() - HOUR}, "ended"),
        ({"ends_at": timezone.now() + 24 * HOUR}, "fresh"),
    ],
)
def test_who_is_in_one_that_is_off_or_over_is_not_counted(
    fields: dict[str, Any],
    state: str,
    api: Api,
    people: list[Profile],
    make_segment: Callable[..., Segment],
) -> None:
    segment = make_segment("late", **fields)
    Membership.objects.create(segment=segment, profile=people[0], since=timezone.now() - 2 * HOUR)
    told = api.get("segments/late")
    assert told["state"] == state
    assert told["members"] == (1 if state == "fresh" else 0)
    assert len(api.get("segments/late/members")["members"]) == told["members"]


def test_a_broken_rule_is_said_so(api: Api, make_segment: Callable[..., Segment]) -> None:
    segment = make_segment("cart", CART)
    Segment.objects.filter(pk=segment.pk).update(refresh_error="no such event")
    told = api.get("segments/cart")
    assert (told["kind"], told["state"]) == ("rule", "broken")


@pytest.mark.parametrize("slug", ["nobodies", "%00", "a%20b", "ü", "x" * 60, "%2e%2e"])
def test_a_segment_that_is_not_there_is_said_so(api: Api, slug: str) -> None:
    for address in (f"segments/{slug}", f"segments/{slug}/members"):
        assert api.get(address, status=404)["code"] == "unknown_segment"


def test_many_segments_come_a_page_at_a_time(
    api: Api, make_segment: Callable[..., Segment]
) -> None:
    made = [make_segment(f"segment-{number}").slug for number in range(5)]
    found, query = [], {"limit": 2}
    for _ in range(3):
        told = api.get("segments", **query)
        found += [segment["slug"] for segment in told["segments"]]
        query["cursor"] = told["next"]
    assert found == made
    assert told["next"] is None


def test_a_list_costs_the_same_however_many_there_are(
    api: Api, make_segment: Callable[..., Segment]
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            api.get("segments")
        return len(captured)

    make_segment("first")
    api.get("segments")
    few = queries()
    for number in range(20):
        make_segment(f"more-{number}")
    assert queries() == few


# -- members ---------------------------------------------------------------------------------


def test_members_are_told_with_who_they_are(api: Api, vips: Segment, people: list[Profile]) -> None:
    ann, ben, _ = people
    Identity.objects.create(profile=ann, namespace="user", value="17")
    Identity.objects.create(profile=ann, namespace=Identity.CLAIMED, value="18")
    now = timezone.now() - HOUR
    add_members(vips, [ann.pk], now=now, until=now + 2 * HOUR)
    add_members(vips, [ben.pk], now=now)
    assert api.get("segments/vips/members") == {
        "members": [
            {
                "profileId": ann.pk,
                "identities": [
                    {"namespace": "anonymous", "value": "visitor-of-ann"},
                    {"namespace": "user", "value": "17"},
                ],
                "consents": [],
                "since": now.isoformat(),
                "until": (now + 2 * HOUR).isoformat(),
            },
            {
                "profileId": ben.pk,
                "identities": [{"namespace": "anonymous", "value": "visitor-of-ben"}],
                "consents": [],
                "since": now.isoformat(),
                "until": None,
            },
        ],
        "next": None,
    }


def test_only_members_of_now_are_told(api: Api, vips: Segment, people: list[Profile]) -> None:
    ann, ben, cat = people
    now = timezone.now()
    add_members(vips, [ann.pk, ben.pk], now=now - 3 * HOUR, until=now - HOUR)
    add_members(vips, [ben.pk, cat.pk], now=now - 2 * HOUR)
    remove_members(vips, [cat.pk], now=now - HOUR)
    Membership.objects.create(segment=vips, profile=ann, since=now + HOUR, settled=True)
    assert ids(api.get("segments/vips/members")) == [ben.pk]


def test_a_span_lists_who_came_in_within_it(api: Api, vips: Segment, people: list[Profile]) -> None:
    now = timezone.now()
    moments = [now - hours * HOUR for hours in (3, 2, 1)]
    for profile, at in zip(people, moments, strict=True):
        add_members(vips, [profile.pk], now=at)
    ann, ben, cat = (each.pk for each in people)

    def told(**query: str) -> list[int]:
        return ids(api.get("segments/vips/members", **query))

    assert told(since=moments[1].isoformat()) == [ben, cat]
    assert told(until=moments[1].isoformat()) == [ann]
    assert told(since=moments[1].isoformat(), until=moments[2].isoformat()) == [ben]
    assert told(since=moments[0].strftime("%Y-%m-%dT%H:%M:%SZ")) == [ann, ben, cat]
    unescaped = moments[1].isoformat().replace("+", " ")
    assert told(since=unescaped) == [ben, cat]


def test_members_come_a_page_at_a_time_whoever_comes_and_goes(
    api: Api, vips: Segment, make_profile: Callable[..., Profile]
) -> None:
    profiles = [make_profile().pk for _ in range(6)]
    add_members(vips, profiles[:5], now=timezone.now())
    first = api.get("segments/vips/members", limit=2)
    assert ids(first) == profiles[:2]
    # Their rows are written anew, and one leaves, and one comes in.
    add_members(vips, profiles[:3], now=timezone.now(), until=timezone.now() + HOUR)
    remove_members(vips, profiles[3:4], now=timezone.now())
    add_members(vips, profiles[5:], now=timezone.now())
    second = api.get("segments/vips/members", limit=2, cursor=first["next"])
    assert ids(second) == [profiles[2], profiles[4]]
    third = api.get("segments/vips/members", limit=2, cursor=second["next"])
    assert (ids(third), third["next"]) == ([profiles[5]], None)


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ({"limit": "0"}, "invalid_limit", "1 to 1000"),
        ({"limit": "1001"}, "invalid_limit", "1001"),
        ({"limit": "-1"}, "invalid_limit", "-1"),
        ({"limit": "ten"}, "invalid_limit", "ten"),
        ({"limit": "١"}, "invalid_limit", "allowed"),
        ({"cursor": "!"}, "invalid_cursor", "no answer has said"),
        ({"cursor": "eHg"}, "invalid_cursor", "eHg"),
        ({"cursor": "LTE"}, "invalid_cursor", "LTE"),
        ({"cursor": "9" * 200}, "invalid_cursor", "999"),
        ({"cursor": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"}, "invalid_cursor", "OTk5"),
        ({"cursor": "ü"}, "invalid_cursor", "no answer"),
        ({"since": "yesterday"}, "invalid_time", "'yesterday'"),
        ({"until": "2026-13-01"}, "invalid_time", "'2026-13-01'"),
    ],
)
def test_a_query_that_cannot_be_read_is_named(
    api: Api, vips: Segment, query: dict[str, str], code: str, said: str
) -> None:
    told = api.get("segments/vips/members", status=400, **query)
    assert told["code"] == code
    assert said in told["message"]


def test_a_version_that_is_not_in_force_yet_is_not_told(
    api: Api, people: list[Profile], make_segment: Callable[..., Segment]
) -> None:
    segment = make_segment("cart", CART)
    old = segment.versions.create(number=101, rule=CART)
    new = segment.versions.create(number=102, rule=CART)
    Segment.objects.filter(pk=segment.pk).update(serving=old)
    since = timezone.now() - HOUR
    Membership.objects.create(segment=segment, profile=people[0], version=old, since=since)
    Membership.objects.create(segment=segment, profile=people[1], version=new, since=since)
    assert ids(api.get("segments/cart/members")) == [people[0].pk]


def ids(told: Any) -> list[int]:
    return [member["profileId"] for member in told["members"]]


# -- memberships of somebody -----------------------------------------------------------------


def test_somebody_is_found_by_each_of_their_names(
    api: Api, vips: Segment, people: list[Profile], make_segment: Callable[..., Segment]
) -> None:
    ann = people[0]
    Identity.objects.create(profile=ann, namespace="user", value="17")
    Identity.objects.create(profile=ann, namespace="email", value="ann@example.com")
    Snapshot.objects.filter(pk=ann.pk).update(
        consents={"personalization": True, "marketing": False, "analytics": True}
    )
    now = timezone.now() - HOUR
    add_members(vips, [ann.pk], now=now)
    add_members(make_segment("press"), [ann.pk], now=now, until=now + 2 * HOUR)
    expected = {
        "profileId": ann.pk,
        "consents": ["analytics", "personalization"],
        "memberships": [
            {
                "segment": "press",
                "since": now.isoformat(),
                "until": (now + 2 * HOUR).isoformat(),
            },
            {"segment": "vips", "since": now.isoformat(), "until": None},
        ],
    }
    for query in (
        {"userId": "17"},
        {"anonymousId": "visitor-of-ann"},
        {"profileId": ann.pk},
        {"namespace": "email", "value": "Ann@Example.com"},
        {"namespace": "user", "value": "17"},
    ):
        assert api.get("memberships", **query) == expected


def test_what_is_over_or_off_is_no_membership(
    api: Api, people: list[Profile], make_segment: Callable[..., Segment]
) -> None:
    now = timezone.now()
    for slug, fields in {
        "off": {"active": False}, "ended": {"ends_at": now - HOUR}, "past": {},
    }.items():  # fmt: skip
        until = now - HOUR if slug == "past" else None
        add_members(make_segment(slug, **fields), [people[0].pk], now=now - 2 * HOUR, until=until)
    assert api.get("memberships", profileId=people[0].pk)["memberships"] == []


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"userId": "nobody"}, 404, "unknown_profile"),
        ({"profileId": "999999"}, 404, "unknown_profile"),
        ({"namespace": "email", "value": "no@example.com"}, 404, "unknown_profile"),
        ({}, 400, "missing_ids"),
        ({"userId": "1", "anonymousId": "2"}, 400, "missing_ids"),
        ({"profileId": "one"}, 400, "invalid_id"),
        ({"profileId": "0"}, 400, "invalid_id"),
        ({"profileId": "9" * 30}, 400, "invalid_id"),
        ({"profileId": "9" * 19}, 400, "invalid_id"),
        ({"userId": "null"}, 400, "invalid_id"),
        ({"userId": "a\x00b"}, 400, "invalid_id"),
        ({"userId": "x" * 201}, 400, "invalid_id"),
        ({"namespace": "email"}, 400, "invalid_id"),
        ({"value": "x"}, 400, "invalid_member"),
        ({"namespace": "claimed", "value": "x"}, 400, "invalid_id"),
        ({"namespace": "E Mail", "value": "x"}, 400, "invalid_id"),
    ],
)
def test_who_is_nobody_is_said_so(api: Api, query: dict[str, str], status: int, code: str) -> None:
    assert api.get("memberships", status=status, **query)["code"] == code
