"""Visitors with a cookie, accounts and a history, and how they come to the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from personalization.events.models import Event
from personalization.privacy.consent import record_consent
from personalization.privacy.models import Mechanism
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity, Profile
from personalization.profiles.visitor import new_visitor_id, signed
from personalization.segments.rebuild import rebuild_profiles
from tests.conftest import BROWSER
from tests.factories import make_event, make_profile, make_segment, make_source

__all__ = ["make_event", "make_profile", "make_segment", "make_source"]

OWN = {"sec-fetch-site": "same-origin"}
PASSWORD = "a long walk in the hills"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody at a browser: the id in its cookie, and the account, if there is one."""

    profile: Profile
    visitor_id: str
    client: Client
    user: User | None = None

    @property
    def device(self) -> Key:
        return Key(Identity.ANONYMOUS, self.visitor_id)

    def confirm(self) -> None:
        """Give the password on the page that asks for it."""
        answer = self.client.post("/p/privacy/confirm/", {"password": PASSWORD}, headers=OWN)
        assert answer.status_code == 303, answer.content


@pytest.fixture
def make_person(
    make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> Callable[..., Person]:
    """Make a visitor who agreed and did what is listed, as (event name, hours ago, properties).

    `account` is the user name of somebody who is logged in at this browser.
    """

    def make(
        *done: tuple[Any, ...], account: str = "", traits: Any = None, agreed: bool = True
    ) -> Person:
        now = timezone.now()
        visitor_id, user = new_visitor_id(), None
        profile = make_profile(identity=visitor_id)
        client = Client(headers={"user-agent": BROWSER})
        client.cookies["pz_id"] = signed(visitor_id)
        if agreed:
            key = Key(Identity.ANONYMOUS, visitor_id)
            granted = ["analytics", "personalization"]
            record_consent(key, granted=granted, mechanism=Mechanism.BANNER, now=now)
        if account:
            user = User.objects.create_user(account, password=PASSWORD)
            named = {"namespace": Identity.USER, "value": str(user.pk)}
            Identity.objects.create(profile=profile, **named)
            client.force_login(user)
        _happen(make_event, profile, done, traits=traits, now=now)
        return Person(profile=profile, visitor_id=visitor_id, client=client, user=user)

    return make


def _happen(
    make_event: Callable[..., Event],
    profile: Profile,
    done: tuple[tuple[Any, ...], ...],
    *,
    traits: Any,
    now: datetime,
) -> None:
    for name, hours, *properties in done:
        at = now - timedelta(hours=hours)
        make_event(profile, name, at=at, properties=properties[0] if properties else {})
    if traits:
        at = now - timedelta(days=1)
        make_event(profile, "identify", at=at, type="identify", properties=traits)
    rebuild_profiles([profile.pk], now=now)
    profile.refresh_from_db()
