"""What members agreed to, as the site's own systems are told of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.conf import settings
from personalization.privacy.consent import record_consent
from personalization.privacy.expiry import expire_consents
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Profile
from personalization.segments.manual import add_members
from personalization.segments.models import Segment
from personalization.types import ASKED_PURPOSES
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db

MEMBERS = "segments/vips/members"
ANSWERS = {
    "ann": ["analytics", "marketing"],
    "ben": ["analytics"],
    "cat": [],  # said no to everything
    "dan": None,  # was never asked
}


def answer(name: str, *granted: str) -> None:
    key = Key(Identity.ANONYMOUS, name)
    record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=timezone.now())


@pytest.fixture
def members(
    make_profile: Callable[..., Profile], make_segment: Callable[..., Segment]
) -> dict[int, str]:
    """Four people of one segment, by their profile: each has answered in another way."""
    profiles = {make_profile(identity=name).pk: name for name in ANSWERS}
    add_members(make_segment("vips"), profiles, now=timezone.now())
    for name, granted in ANSWERS.items():
        if granted is not None:
            answer(name, *granted)
    return profiles


@pytest.fixture
def listed(api: Api, members: dict[int, str]) -> Callable[..., list[str]]:
    """Asks for the members, and returns their names."""

    def listed(**query: Any) -> list[str]:
        return [members[each["profileId"]] for each in api.get(MEMBERS, **query)["members"]]

    return listed


def test_each_member_is_told_with_what_they_agreed_to(api: Api, members: dict[int, str]) -> None:
    told = api.get(MEMBERS)["members"]
    assert {members[each["profileId"]]: each["consents"] for each in told} == {
        name: granted or [] for name, granted in ANSWERS.items()
    }


@pytest.mark.parametrize(
    ("purpose", "names"),
    [
        ("analytics", ["ann", "ben"]),
        ("marketing", ["ann"]),
        ("personalization", []),
        ("", ["ann", "ben", "cat", "dan"]),
    ],
)
def test_a_purpose_keeps_those_who_agreed_to_it(
    listed: Callable[..., list[str]], purpose: str, names: list[str]
) -> None:
    assert sorted(listed(purpose=purpose)) == names


@pytest.mark.parametrize("purpose", ["necessary", "Marketing", "marketing ", "x" * 5_000, "a__b"])
def test_a_purpose_that_nobody_is_asked_for_is_named(
    api: Api, members: dict[int, str], purpose: str
) -> None:
    told = api.get(MEMBERS, purpose=purpose, status=400)
    assert told["code"] == "unknown_purpose"
    assert repr(purpose[:50]) in told["message"]
    assert all(each.value in told["message"] for each in ASKED_PURPOSES)
    assert len(told["message"]) < 200


def test_who_takes_a_yes_back_is_not_told_from_then_on(listed: Callable[..., list[str]]) -> None:
    answer("ann", "analytics")
    assert listed(purpose="marketing") == []
    assert sorted(listed(purpose="analytics")) == ["ann", "ben"]


def test_a_yes_that_is_too_old_is_not_told(
    listed: Callable[..., list[str]],
) -> None:
    expire_consents(now=timezone.now() + settings.CONSENT_AGE + timedelta(days=1))
    assert listed(purpose="analytics") == []
    assert len(listed()) == len(ANSWERS)


def test_somebody_alone_is_told_alike(api: Api, members: dict[int, str]) -> None:
    for pk, name in members.items():
        assert api.get("memberships", profileId=pk)["consents"] == (ANSWERS[name] or [])


def test_pages_of_a_purpose_are_as_long_as_asked_and_hide_nobody(
    api: Api, members: dict[int, str]
) -> None:
    first = api.get(MEMBERS, purpose="analytics", limit=1)
    second = api.get(MEMBERS, purpose="analytics", limit=1, cursor=first["next"])
    told = [members[each["profileId"]] for each in first["members"] + second["members"]]
    assert sorted(told) == ["ann", "ben"]
    assert second["next"] is None


def test_more_members_need_no_more_queries(
    api: Api, members: dict[int, str], make_profile: Callable[..., Profile]
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            api.get(MEMBERS, purpose="analytics")
        return len(seen)

    queries()  # what the process keeps is read once
    few = queries()
    more = {make_profile(identity=f"more-{number}").pk: number for number in range(10)}
    add_members(Segment.objects.get(slug="vips"), more, now=timezone.now())
    for number in more.values():
        answer(f"more-{number}", "analytics")
    assert queries() == few
    assert len(api.get(MEMBERS, purpose="analytics")["members"]) == 12
