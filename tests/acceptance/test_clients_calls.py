"""Unmodified clients over a real socket: everything they send is stored, field by field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personalization.events.models import Event
from personalization.profiles.models import Identity, Profile
from personalization.testing import drain
from tests.acceptance import golden
from tests.acceptance.clients import client as clients
from tests.acceptance.clients.calls import every_call, tracks
from tests.acceptance.clients.client import Client
from tests.acceptance.relay import Relay

pytestmark = [pytest.mark.clients, pytest.mark.django_db(transaction=True)]

CLIENTS = [
    clients.SEGMENT,
    clients.SEGMENT_NODE,
    clients.RUDDER,
    clients.RUDDER_NODE,
    clients.POSTHOG,
    clients.POSTHOG_NODE,
]
MANY = 300
Send = Callable[..., list[str]]


def packings(client: Client) -> Iterator[Any]:
    yield pytest.param(client, False, id=client.name)
    if client.packs:
        yield pytest.param(client, True, id=f"{client.name}, gzip")


def stored() -> list[Event]:
    return list(Event.objects.select_related("identity"))


@pytest.mark.parametrize(("client", "gzip"), [p for c in CLIENTS for p in packings(c)])
def test_every_call_is_stored_field_by_field(client: Client, gzip: bool, send: Send) -> None:
    stated = datetime.now(UTC).replace(microsecond=890_000) - timedelta(hours=2)
    assert send(client, every_call(stated), gzip=gzip) == []
    drain()
    golden.check(client.name, stored(), stated=stated)
    assert set(Identity.objects.values_list("value", flat=True)) == {"u1", "a1", "a2"}
    profile = Profile.objects.get(identities__value="u1")
    assert profile == Profile.objects.get(identities__value="a1")
    assert profile.snapshot.traits == {"plan": "pro", "age": 41}


@pytest.mark.parametrize(("client", "gzip"), [p for c in CLIENTS for p in packings(c)])
def test_as_many_are_stored_as_were_sent(
    client: Client, gzip: bool, send: Send, relay: Relay
) -> None:
    assert send(client, tracks(MANY, text="ü" * 50), gzip=gzip) == []
    drain()
    numbers = Event.objects.values_list("properties__n", flat=True)
    assert sorted(numbers) == list(range(MANY))
    assert set(relay.statuses()) == {200}
    packed = [exchange.body[:2] == b"\x1f\x8b" for exchange in relay.seen]
    assert packed == [gzip] * len(packed)


@pytest.mark.parametrize("client", [clients.POSTHOG, clients.POSTHOG_NODE], ids=str)
def test_a_slash_at_the_end_is_no_other_address(client: Client, send: Send, relay: Relay) -> None:
    assert send(client, tracks(3)) == []
    assert {exchange.path for exchange in relay.seen} == {"/p/batch/"}
    assert set(relay.statuses()) == {200}
