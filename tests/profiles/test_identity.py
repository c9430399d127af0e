"""Identities to profiles: found, made, joined."""

from __future__ import annotations

import pytest

from personalization.profiles.identity import Key, find, find_or_create, link
from personalization.profiles.models import Identity, Profile, Snapshot

pytestmark = pytest.mark.django_db

ALICE, PHONE, LAPTOP = Key("user", "alice"), Key("anonymous", "phone"), Key("anonymous", "laptop")


def profile_of(key: Key) -> int:
    return find([key])[key].profile_id


def test_a_new_identity_gets_a_profile_and_a_snapshot() -> None:
    identity = find_or_create([PHONE])[PHONE]
    assert Snapshot.objects.get().profile_id == identity.profile_id


def test_a_known_identity_is_found_again() -> None:
    first = find_or_create([PHONE])[PHONE]
    assert find_or_create([PHONE, LAPTOP])[PHONE] == first
    assert (Profile.objects.count(), Snapshot.objects.count()) == (2, 2)


def test_nobody_is_found_for_nothing() -> None:
    assert find([]) == {}
    assert find([PHONE]) == {}


def test_the_same_value_in_two_namespaces_is_two_identities() -> None:
    found = find_or_create([Key("user", "7"), Key("anonymous", "7")])
    assert len({identity.profile_id for identity in found.values()}) == 2
    assert set(find([Key("user", "7")])) == {Key("user", "7")}


def test_a_device_joins_the_user_and_leaves_an_empty_profile() -> None:
    found = find_or_create([ALICE, PHONE])
    emptied = found[PHONE].profile_id
    assert link(found[ALICE], found[PHONE]) == emptied
    assert profile_of(PHONE) == profile_of(ALICE) != emptied
    assert not Identity.objects.filter(profile=emptied).exists()


def test_joining_again_changes_nothing() -> None:
    found = find_or_create([ALICE, PHONE])
    link(found[ALICE], found[PHONE])
    assert link(found[ALICE], found[PHONE]) is None


def test_a_profile_that_has_a_user_is_not_joined_to_another() -> None:
    bob = Key("user", "bob")
    found = find_or_create([ALICE, bob, PHONE])
    link(found[ALICE], found[PHONE])
    assert link(found[bob], find([PHONE])[PHONE]) is None
    assert profile_of(PHONE) == profile_of(ALICE) != profile_of(bob)


def test_all_devices_of_a_profile_come_along() -> None:
    found = find_or_create([ALICE, PHONE, LAPTOP])
    Identity.objects.filter(pk=found[LAPTOP].pk).update(profile=found[PHONE].profile_id)
    link(found[ALICE], found[PHONE])
    assert profile_of(LAPTOP) == profile_of(ALICE)
