"""Further identities that a trusted source states in `context.externalIds`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from personalization.events.models import Event, Source
from personalization.profiles.models import Merge
from personalization.testing import drain
from tests.ingest.sending import consent, send, track
from tests.profiles.test_links import of, persons

pytestmark = pytest.mark.django_db

EMAIL = {"type": "email", "id": "jane@example1.com"}


def by(*entries: dict[str, str], **fields: Any) -> dict[str, Any]:
    return track(context={"externalIds": list(entries)}, **fields)


def owners() -> list[str]:
    return [str(event.identity) for event in Event.objects.order_by("pk")]


def test_all_identities_of_an_event_are_one_person(client: Client, server: Source) -> None:
    send(client, by(EMAIL, {"type": "crm", "id": "c1"}, anonymousId="a1"))
    drain()
    assert persons() == of("user:u1 email:jane@example1.com crm:c1 anonymous:a1")


def test_an_event_belongs_to_the_identity_that_counts_most(client: Client, server: Source) -> None:
    send(client, by({"type": "crm", "id": "c1"}, EMAIL, userId=..., anonymousId="a1"))
    drain()
    send(client, by({"type": "user_id", "id": "u1"}, userId=..., anonymousId="a1"))
    drain()
    assert owners() == ["email:jane@example1.com", "user:u1"]
    assert persons() == of("user:u1 email:jane@example1.com crm:c1 anonymous:a1")


def test_an_identity_alone_is_enough(client: Client, server: Source) -> None:
    answer = send(client, by(EMAIL, userId=...))
    assert answer["accepted"] == 1
    drain()
    assert owners() == ["email:jane@example1.com"]


def test_segments_example_of_a_new_user_id_with_the_same_email(
    client: Client, server: Source
) -> None:
    first, second = ((timezone.now() - timedelta(hours=ago)).isoformat() for ago in (9, 8))
    send(client, by(EMAIL, userId="abc123", timestamp=first))
    drain()
    send(client, by(EMAIL, userId="abc456", timestamp=second))
    drain()
    assert persons() == of("user:abc123 email:jane@example1.com", "user:abc456")
    assert owners() == ["user:abc123", "user:abc456"]


def test_an_alias_joins_both_the_previous_and_the_present_id(
    client: Client, server: Source
) -> None:
    send(client, track(type="alias", previousId="a0", anonymousId="a1"))
    drain()
    assert persons() == of("user:u1 anonymous:a0 anonymous:a1")


def test_the_log_says_by_which_identities(client: Client, server: Source) -> None:
    send(client, by(EMAIL, anonymousId="a1"))
    drain()
    assert {each.identities[0][0] for each in Merge.objects.all()} == {"anonymous", "email"}


def test_a_browser_names_nobody_by_them(client: Client, server: Source, browser: Source) -> None:
    send(client, by(EMAIL))
    drain()
    consent(client, "analytics", "personalization")
    send(client, by(EMAIL, {"type": "user_id", "id": "u1"}, userId=...), key="browser-key")
    drain()
    assert of("user:u1 email:jane@example1.com") < persons()
    assert not Event.objects.filter(identity__namespace="user", source=browser).exists()
