"""Identities to profiles: found and made."""

from __future__ import annotations

import pytest

from personalization.profiles.identity import Key, find, find_or_create
from personalization.profiles.models import Profile, Snapshot

pytestmark = pytest.mark.django_db

PHONE, LAPTOP = Key("anonymous", "phone"), Key("anonymous", "laptop")


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
