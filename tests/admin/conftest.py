from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.events.models import Event
from personalization.profiles.models import Profile
from personalization.segments.models import Segment
from personalization.segments.rebuild import rebuild_profiles
from tests.factories import make_event, make_profile, make_segment, make_source

__all__ = ["make_event", "make_profile", "make_segment", "make_source"]

_numbers = count(1)


@pytest.fixture
def sign_in(db: None) -> Callable[..., Client]:
    """Sign in a member of staff with the permissions named, such as `view_profile`."""

    def make(*codenames: str, staff: bool = True) -> Client:
        user = User.objects.create_user(f"user-{next(_numbers)}", is_staff=staff)
        permissions = Permission.objects.filter(
            content_type__app_label="personalization", codename__in=codenames
        )
        assert len(permissions) == len(codenames)
        user.user_permissions.set(permissions)
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def owner(db: None) -> Client:
    """The owner of the shop, who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser(f"owner-{next(_numbers)}"))
    return client


@pytest.fixture
def make_visitor(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> Callable[..., Profile]:
    """Make a profile that did what is listed, as (event name, hours ago, properties)."""

    def make(*done: tuple[Any, ...], identity: str = "") -> Profile:
        now = timezone.now()
        profile = make_profile(identity=identity)
        for name, hours, *properties in done:
            at = now - timedelta(hours=hours)
            make_event(profile, name, at=at, properties=properties[0] if properties else {})
        rebuild_profiles([profile.pk], now=now)
        profile.refresh_from_db()
        return profile

    return make


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Post JSON to what the rule editor asks: `preview` or `trial`."""

    def post(client: Client, name: str, **body: Any) -> Any:
        address = reverse(f"admin:personalization_segment_{name}")
        return client.post(address, json.dumps(body), content_type="application/json")

    return post


@pytest.fixture
def save_segment() -> Callable[..., Any]:
    """Post the form of a segment: of `segment`, or of a new one."""

    def post(client: Client, *, segment: Segment | None = None, **fields: Any) -> Any:
        rule = fields.pop("rule", "")
        form = {
            "name": "Shoe lovers",
            "slug": "shoe-lovers",
            "kind": "rule",
            "active": "on",
            "rule": rule if isinstance(rule, str) else json.dumps(rule),
            **fields,
        }
        page = "change" if segment else "add"
        arguments = [segment.pk] if segment else []
        address = reverse(f"admin:personalization_segment_{page}", args=arguments)
        return client.post(address, {k: v for k, v in form.items() if v is not None})

    return post
