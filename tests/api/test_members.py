"""Putting people in and taking them out, as the site's own systems do."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from personalization.api.naming import MOST_MEMBERS
from personalization.profiles.models import Identity, Profile
from personalization.segments.models import Membership, Segment
from tests.admin.rules import CART
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MEMBERS = "segments/vips/members"


@pytest.fixture(autouse=True)
def vips(make_segment: Callable[..., Segment]) -> Segment:
    return make_segment("vips")


@pytest.fixture
def ann(make_profile: Callable[..., Profile]) -> Profile:
    profile = make_profile(identity="visitor-of-ann")
    for namespace, value in (("user", "17"), ("email", "ann@example.com"), ("crm", "A-1")):
        Identity.objects.create(profile=profile, namespace=namespace, value=value)
    return profile


@pytest.fixture
def ben(make_profile: Callable[..., Profile]) -> Profile:
    return make_profile(identity="visitor-of-ben")


def members(now: datetime | None = None) -> list[int]:
    now = now or timezone.now()
    rows = Membership.objects.filter(segment__slug="vips", since__lte=now).order_by("profile")
    return [row.profile_id for row in rows if row.until is None or row.until > now]


@pytest.mark.parametrize(
    "name",
    [
        {"userId": "17"},
        {"userId": 17},
        {"anonymousId": "visitor-of-ann"},
        {"externalId": {"type": "email", "id": "Ann@Example.com"}},
        {"externalId": {"type": "crm", "id": "A-1"}},
        {"identities": [{"namespace": "user", "value": "17"}]},
        {"identities": [{"namespace": "crm", "value": "A-1"}, {"namespace": "user", "value": "?"}]},
        [{"namespace": "anonymous", "value": "visitor-of-ann"}],
        {"userId": "17", "anonymousId": None},
    ],
)
def test_somebody_is_put_in_and_taken_out_by_each_of_their_names(
    api: Api, ann: Profile, name: Any
) -> None:
    taken = {"success": True, "accepted": 1, "rejected": []}
    assert api.post(MEMBERS, {"members": [name]}) == taken
    assert members() == [ann.pk]
    assert api.delete(MEMBERS, {"members": [name]}) == taken
    assert members() == []


def test_a_profile_may_be_called_by_its_number(api: Api, ann: Profile) -> None:
    api.post(MEMBERS, {"members": [{"profileId": ann.pk}]})
    assert members() == [ann.pk]


def test_a_bad_member_leaves_its_neighbours_alone(api: Api, ann: Profile, ben: Profile) -> None:
    told = api.post(
        MEMBERS,
        {
            "members": [
                {"userId": "nobody"},
                {"userId": "17"},
                "ben",
                {"anonymousId": "visitor-of-ben"},
                {"userId": "x" * 201},
                {"profileId": 10**9},
            ]
        },
    )
    assert told["accepted"] == 2
    assert members() == [ann.pk, ben.pk]
    assert [(each["index"], each["code"], each["pointer"]) for each in told["rejected"]] == [
        (0, "unknown_profile", ""),
        (2, "invalid_member", ""),
        (4, "invalid_id", "/userId"),
        (5, "unknown_profile", ""),
    ]
    assert told["rejected"][0]["message"] == "Nobody is known as user 'nobody'."


@pytest.mark.parametrize(
    ("item", "code", "pointer"),
    [
        (None, "invalid_member", ""),
        (7, "invalid_member", ""),
        ({}, "missing_ids", ""),
        ({"user_id": "17"}, "missing_ids", ""),
        ({"userId": "17", "profileId": 1}, "missing_ids", ""),
        ({"userId": True}, "invalid_id", "/userId"),
        ({"userId": ["17"]}, "invalid_id", "/userId"),
        ({"userId": ""}, "invalid_id", "/userId"),
        ({"userId": "null"}, "invalid_id", "/userId"),
        ({"userId": "a\x00b"}, "invalid_id", "/userId"),
        ({"userId": "\ud800"}, "invalid_id", "/userId"),
        ({"profileId": "1"}, "invalid_id", "/profileId"),
        ({"profileId": True}, "invalid_id", "/profileId"),
        ({"profileId": 0}, "invalid_id", "/profileId"),
        ({"profileId": 2**63}, "invalid_id", "/profileId"),
        ({"profileId": 10**400}, "invalid_id", "/profileId"),
        ({"profileId": 1.5}, "invalid_id", "/profileId"),
        ({"externalId": "ann@example.com"}, "invalid_member", "/externalId"),
        ({"externalId": {"type": "email"}}, "invalid_id", "/externalId"),
        ({"externalId": {"type": "claimed", "id": "17"}}, "invalid_id", "/externalId"),
        ({"externalId": {"type": 7, "id": "17"}}, "invalid_member", "/externalId"),
        ({"identities": []}, "invalid_member", "/identities"),
        ({"identities": {}}, "invalid_member", "/identities"),
        ({"identities": [7]}, "invalid_member", "/identities/0"),
        (
            {"identities": [{"namespace": "user", "value": None}]},
            "invalid_id",
            "/identities/0/value",
        ),
        ([], "invalid_member", ""),
        ([{"namespace": "user", "value": "17"}] * 21, "invalid_member", ""),
        ({"userId": "17", "until": "soon"}, "invalid_until", "/until"),
        ({"userId": "17", "until": 1767225600}, "invalid_until", "/until"),
        ({"userId": "17", "until": "2020-01-01T00:00:00Z"}, "invalid_until", "/until"),
    ],
)
def test_a_member_that_cannot_be_read_is_told_why(
    api: Api, ann: Profile, item: Any, code: str, pointer: str
) -> None:
    told = api.post(MEMBERS, {"members": [item]})
    [rejection] = told["rejected"]
    assert (rejection["code"], rejection["pointer"]) == (code, pointer)
    assert rejection["message"]
    assert (told["accepted"], members()) == (0, [])


def test_identities_of_two_people_are_nobody(api: Api, ann: Profile, ben: Profile) -> None:
    both = [
        {"namespace": "user", "value": "17"},
        {"namespace": "anonymous", "value": "visitor-of-ben"},
    ]
    [rejection] = api.post(MEMBERS, {"members": [both]})["rejected"]
    assert rejection["code"] == "several_profiles"
    assert "2 people" in rejection["message"]
    assert members() == []


def test_a_user_that_a_browser_merely_claims_is_nobody(api: Api, ben: Profile) -> None:
    Identity.objects.create(profile=ben, namespace=Identity.CLAIMED, value="99")
    [rejection] = api.post(MEMBERS, {"members": [{"userId": "99"}]})["rejected"]
    assert rejection["code"] == "unknown_profile"


# -- until -----------------------------------------------------------------------------------


def test_an_end_is_for_all_or_for_one(api: Api, ann: Profile, ben: Profile) -> None:
    now = timezone.now()
    usual, own = now + HOUR, now + 2 * HOUR
    api.post(
        MEMBERS,
        {
            "until": usual.isoformat(),
            "members": [
                {"userId": "17"},
                {"anonymousId": "visitor-of-ben", "until": own.isoformat()},
            ],
        },
    )
    ends = dict(Membership.objects.values_list("profile", "until"))
    assert ends == {ann.pk: usual, ben.pk: own}
    assert members(usual) == [ben.pk]
    assert members(own) == []


def test_one_may_stay_for_good_where_the_others_do_not(api: Api, ann: Profile) -> None:
    body = {
        "until": (timezone.now() + HOUR).isoformat(),
        "members": [{"userId": "17", "until": None}],
    }
    api.post(MEMBERS, body)
    assert Membership.objects.get().until is None


@pytest.mark.parametrize("until", ["soon", "2020-01-01", 7, [], True])
def test_an_end_for_all_that_is_none_refuses_all(api: Api, ann: Profile, until: Any) -> None:
    told = api.post(MEMBERS, {"until": until, "members": [{"userId": "17"}]}, status=400)
    assert (told["code"], told["pointer"]) == ("invalid_until", "/until")
    assert members() == []


# -- again -----------------------------------------------------------------------------------


def test_the_same_request_again_changes_nothing(api: Api, ann: Profile) -> None:
    body = {"members": [{"userId": "17"}, {"profileId": ann.pk}, {"userId": "17"}]}
    assert api.post(MEMBERS, body)["accepted"] == 3
    since = Membership.objects.get().since
    assert api.post(MEMBERS, body)["accepted"] == 3
    assert Membership.objects.get().since == since
    for _ in range(2):
        assert api.delete(MEMBERS, body)["accepted"] == 3
    assert members() == []


def test_a_new_end_replaces_the_old_one(api: Api, ann: Profile) -> None:
    later = timezone.now() + HOUR
    api.post(MEMBERS, {"members": [{"userId": "17"}]})
    api.post(MEMBERS, {"members": [{"userId": "17", "until": later.isoformat()}]})
    assert Membership.objects.get().until == later
    api.post(MEMBERS, {"members": [{"userId": "17"}]})
    assert Membership.objects.get().until is None


# -- whole requests --------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "missing_members"),
        ("{", "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        (b"\xff", "invalid_json"),
        (b"\x1f\x8bdamaged", "invalid_gzip"),
        ("[]", "missing_members"),
        ("null", "missing_members"),
        ("{}", "missing_members"),
        ('{"members": {}}', "missing_members"),
        (json.dumps({"members": [{"userId": "17"}] * (MOST_MEMBERS + 1)}), "batch_too_long"),
    ],
)
def test_a_body_that_cannot_be_read_is_told_why(
    api: Api, ann: Profile, method: str, body: str | bytes, code: str
) -> None:
    told = api.send(method, MEMBERS, body, status=400)
    assert told["code"] == code
    assert told.get("pointer", "/members") == "/members"
    assert members() == []


def test_a_body_that_is_too_large_is_refused(api: Api, settings: Any) -> None:
    settings.PERSONALIZATION_BATCH_MAX_BYTES = 100
    told = api.post(MEMBERS, {"members": [{"userId": "x" * 100}]}, status=413)
    assert told["code"] == "too_large"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_json_is_json_however_it_is_labelled(api: Api, ann: Profile, content_type: str) -> None:
    body = json.dumps({"members": [{"userId": "17"}]})
    api.send("POST", MEMBERS, gzip.compress(body.encode()), content_type=content_type)
    assert members() == [ann.pk]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_segment_by_rule_cannot_be_written(
    api: Api, ann: Profile, make_segment: Callable[..., Segment], method: str
) -> None:
    make_segment("cart", CART)
    told = api.send(method, "segments/cart/members", '{"members": [{"userId": "17"}]}', status=409)
    assert told["code"] == "segment_by_rule"
    assert "follows from its rule" in told["message"]
    assert not Membership.objects.exists()


def test_nobody_comes_into_a_segment_that_has_ended(api: Api, ann: Profile, vips: Segment) -> None:
    vips.ends_at = timezone.now() - HOUR
    vips.save()
    body = {"members": [{"userId": "17"}]}
    assert api.post(MEMBERS, body, status=409)["code"] == "segment_ended"
    assert api.delete(MEMBERS, body)["accepted"] == 1


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_segment_that_is_not_there_cannot_be_written(api: Api, method: str) -> None:
    told = api.send(method, "segments/nobodies/members", '{"members": []}', status=404)
    assert told["code"] == "unknown_segment"


def test_rules_that_ask_for_the_segment_follow_at_once(
    api: Api, ann: Profile, make_segment: Callable[..., Segment]
) -> None:
    rule = {
        "version": 1,
        "root": {"combinator": "and", "rules": [{"kind": "segment", "slug": "vips"}]},
    }
    make_segment("lounge", rule)
    api.post(MEMBERS, {"members": [{"userId": "17"}]})
    told = api.get("memberships", userId="17")
    assert [each["segment"] for each in told["memberships"]] == ["lounge", "vips"]


def test_as_many_as_are_allowed_at_once(api: Api, make_profile: Callable[..., Profile]) -> None:
    profiles = [make_profile().pk for _ in range(60)]
    listed = [{"profileId": pk} for pk in profiles]
    listed += [{"profileId": 10**9 + number} for number in range(MOST_MEMBERS - 60)]
    told = api.post(MEMBERS, {"members": listed})
    assert (told["accepted"], len(told["rejected"])) == (60, MOST_MEMBERS - 60)
    assert members() == profiles


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_requests_at_once_do_not_undo_each_other(
    api: Api, make_profile: Callable[..., Profile]
) -> None:
    profiles = [make_profile().pk for _ in range(20)]
    failures: list[BaseException] = []

    def put_in(listed: list[int]) -> None:
        try:
            api.post(MEMBERS, {"members": [{"profileId": pk} for pk in listed]})
        except BaseException as error:  # noqa: BLE001 - it is raised below, by the test
            failures.append(error)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=put_in, args=[order])
        for order in (profiles, profiles[::-1], profiles[5:] + profiles[:5]) * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert members() == profiles
    assert Membership.objects.count() == len(profiles)
