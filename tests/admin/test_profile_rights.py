"""Everything of a person as a file, and having it erased, by staff who may."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from personalization.privacy.models import AuditEntry, Erasure
from personalization.profiles.models import Profile

pytestmark = pytest.mark.django_db


def address(profile: Profile, name: str) -> str:
    return f"/admin/personalization/profile/{profile.pk}/{name}/"


@pytest.mark.parametrize("name", ["export", "erase"])
def test_seeing_profiles_is_not_enough(
    sign_in: Callable[..., Client], make_visitor: Callable[..., Any], name: str
) -> None:
    profile, client = make_visitor(), sign_in("view_profile", "see_traits")
    assert client.post(address(profile, name)).status_code == 403
    assert Profile.objects.filter(pk=profile.pk).exists()


def test_the_file_is_sent_and_noted(
    sign_in: Callable[..., Client], make_visitor: Callable[..., Any]
) -> None:
    profile = make_visitor(("Product Viewed", 1), identity="ada")
    client = sign_in("view_profile", "export_profile")
    assert client.get(address(profile, "export")).status_code == 302, "only by POST"
    response = client.post(address(profile, "export"))
    assert json.loads(b"".join(response.streaming_content))["identities"] == [["anonymous", "ada"]]
    assert AuditEntry.objects.filter(action="exported").count() == 1


def test_it_asks_before_it_erases(
    sign_in: Callable[..., Client], make_visitor: Callable[..., Any]
) -> None:
    profile, client = make_visitor(("Product Viewed", 1)), sign_in("view_profile", "erase_profile")
    assert "What you did here" in client.get(address(profile, "erase")).content.decode()
    assert Profile.objects.filter(pk=profile.pk).exists()
    assert client.post(address(profile, "erase")).status_code == 302
    assert not Profile.objects.filter(pk=profile.pk).exists()
    assert Erasure.objects.get().channel == Erasure.Channel.OPERATOR
