"""Profiles are held for one worker, and by one order of locking."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from personalization.profiles.identity import Key, find_or_create
from personalization.profiles.locks import ProfileMoved, hold, hold_profiles_of
from personalization.profiles.models import Identity

pytestmark = pytest.mark.django_db

DEVICE, USER = Key(Identity.ANONYMOUS, "a"), Key(Identity.USER, "u")


def test_two_queries_hold_all_profiles_and_make_sure_that_they_are_the_right_ones() -> None:
    identities = list(find_or_create([DEVICE, USER]).values())
    with CaptureQueriesContext(connection) as queries:
        held = hold_profiles_of(identities)
    assert held.keys() == {identity.profile_id for identity in identities}
    assert len(queries) == 2


def test_nobody_is_held_for_nothing() -> None:
    assert hold_profiles_of([]) == {}


def test_a_profile_that_has_gone_elsewhere_is_held_there() -> None:
    found = find_or_create([DEVICE, USER])
    target = found[USER].profile_id
    Identity.objects.filter(pk=found[DEVICE].pk).update(profile=target)
    assert list(hold_profiles_of([found[DEVICE]])) == [target]
    assert found[DEVICE].profile_id == target


def test_who_is_erased_cannot_be_held() -> None:
    gone = find_or_create([DEVICE])[DEVICE]
    Identity.objects.all().delete()
    with transaction.atomic(), pytest.raises(ProfileMoved):
        hold_profiles_of([gone])


def test_what_never_holds_still_is_given_up() -> None:
    numbers = iter(range(100, 200))
    with transaction.atomic(), pytest.raises(ProfileMoved):
        hold([1], lambda: [next(numbers)])
