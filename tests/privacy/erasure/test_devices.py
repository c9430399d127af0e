"""Of a person with several devices, one goes and the rest is what it was without it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from personalization.events.models import Event
from personalization.monitoring.audit import audit_profiles
from personalization.privacy.erasure.finish import erase
from personalization.privacy.models import Erasure
from personalization.privacy.subjects import device_of
from personalization.profiles.identity import Key, find
from personalization.profiles.merges import misplaced
from personalization.profiles.models import Identity, IdentityLink, Profile, Snapshot
from personalization.segments.rebuild import rebuild_profiles
from personalization.segments.refresh import refresh_segments
from tests.privacy.erasure.conftest import AGO, LAPTOP, NOW, PHONE, USER, places

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(make_profile: Callable[..., Profile], make_event: Callable[..., Event]) -> Profile:
    """Somebody with a phone and a laptop, who was named on the laptop."""
    profile = make_profile(identity=PHONE.value)
    laptop = Identity.objects.create(
        profile=profile, namespace=LAPTOP.namespace, value=LAPTOP.value
    )
    make_event(profile, "Product Viewed", at=AGO)
    traits: dict[str, Any] = {"type": "identify", "properties": {"name": "Ann"}}
    event = make_event(profile, "Identified", at=NOW - timedelta(hours=1), **traits)
    Event.objects.filter(pk=event.pk).update(identity=laptop)
    rebuild_profiles([profile.pk], now=NOW)
    return profile


@pytest.fixture
def erasure(person: Profile) -> Erasure:
    return erase(device_of(LAPTOP), channel="self", now=NOW)


def test_the_device_is_gone_and_the_person_stays(erasure: Erasure, person: Profile) -> None:
    assert find([PHONE, LAPTOP]).keys() == {PHONE}
    assert (erasure.scope, erasure.status) == (Erasure.Scope.DEVICE, Erasure.Status.DONE)
    assert places(LAPTOP.value) == set()


def test_what_was_known_from_the_device_is_forgotten(erasure: Erasure, person: Profile) -> None:
    refresh_segments(now=NOW)
    snapshot = Snapshot.objects.get(pk=person.pk)
    assert snapshot.traits == {}
    assert snapshot.features["events.count"] == 1
    assert not list(audit_profiles(now=NOW))


def test_the_last_device_takes_the_profile_along(erasure: Erasure) -> None:
    last = erase(device_of(PHONE), channel="self", now=NOW)
    assert last.scope == Erasure.Scope.PERSON
    assert not Profile.objects.exists()


def test_whoever_is_not_known_can_be_erased_all_the_same() -> None:
    nobody = Key(Identity.ANONYMOUS, "0" * 32)
    assert erase(device_of(nobody), channel="self", now=NOW).status == Erasure.Status.DONE


@pytest.fixture
def joined(person: Profile) -> Profile:
    """The same person, logged in on the laptop, by which alone the phone is theirs."""
    user = Identity.objects.create(profile=person, namespace=USER.namespace, value=USER.value)
    laptop = find([LAPTOP])[LAPTOP]
    for other in (find([PHONE])[PHONE], user):
        one, two = sorted((laptop.pk, other.pk))
        IdentityLink.objects.create(one_id=one, other_id=two, stated_at=AGO, message_id="m")
    return person


def test_whom_only_the_device_made_one_person_are_two_without_it(joined: Profile) -> None:
    erase(device_of(LAPTOP), channel="self", now=NOW)
    found = find([PHONE, USER])
    assert found[PHONE].profile_id != found[USER].profile_id
    assert not misplaced([each.profile_id for each in found.values()])


def test_each_of_the_two_keeps_what_happened_to_it(joined: Profile) -> None:
    erase(device_of(LAPTOP), channel="self", now=NOW)
    refresh_segments(now=NOW)
    counts = {
        key: Snapshot.objects.get(pk=identity.profile_id).features.get("events.count", 0)
        for key, identity in find([PHONE, USER]).items()
    }
    assert counts == {PHONE: 1, USER: 0}
    assert not list(audit_profiles(now=NOW))


def test_who_is_still_linked_stays_one_person(joined: Profile) -> None:
    one, other = sorted(each.pk for each in find([PHONE, USER]).values())
    IdentityLink.objects.create(one_id=one, other_id=other, stated_at=AGO, message_id="n")
    erase(device_of(LAPTOP), channel="self", now=NOW)
    assert {each.profile_id for each in find([PHONE, USER]).values()} == {joined.pk}
