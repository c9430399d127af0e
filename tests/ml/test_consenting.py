"""Nobody is learned from or scored who does not consent to personalization now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from personalization.ml.consenting import agrees, consenting
from personalization.profiles.models import Snapshot

pytestmark = pytest.mark.django_db
Make = Callable[..., Any]


def test_those_who_consent_are_found(make_profile: Make) -> None:
    yes = [make_profile(consents={"personalization": True}).pk for _ in range(2)]
    no = [
        make_profile(consents=consents).pk
        for consents in (
            {}, {"personalization": False}, {"analytics": True}, {"personalization": None},
        )
    ]  # fmt: skip
    assert consenting() == tuple(sorted(yes))
    assert consenting([*no, yes[1]]) == (yes[1],)
    assert consenting([]) == ()
    said = {each.pk: agrees(each) for each in Snapshot.objects.all()}
    assert said == dict.fromkeys(yes, True) | dict.fromkeys(no, False)


def test_who_takes_it_back_is_left_out_at_once(make_profile: Make) -> None:
    profile = make_profile(consents={"personalization": True})
    assert consenting() == (profile.pk,)
    Snapshot.objects.filter(pk=profile.pk).update(consents={"personalization": False})
    assert consenting() == ()


def test_one_query_is_enough(
    make_profile: Make, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ids = [make_profile(consents={"personalization": True}).pk for _ in range(3)]
    with django_assert_num_queries(1):
        consenting(ids)
