from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from personalization.events.models import Source
from personalization.ingest import pressure
from tests import machine
from tests.acceptance.clients.client import Client
from tests.acceptance.clients.installed import NotInstalled
from tests.acceptance.failing import FailingBuffer, FullBuffer
from tests.acceptance.relay import Relay
from tests.factories import make_segment, make_source

__all__ = ["make_segment", "make_source"]

KEY = "server-key"
PROTOCOLS = ("segment", "rudderstack", "cloudevents", "posthog")


@pytest.fixture
def relay(live_server: LiveServer) -> Iterator[Relay]:
    """A proxy in front of the site, which writes down what clients send and are told."""
    with Relay(live_server.url).running() as relay:
        yield relay


@pytest.fixture
def source(make_source: Callable[..., Source], settings: Any) -> Source:
    """A server whose key is `KEY`, on a site that speaks the protocols of all clients."""
    settings.PERSONALIZATION_PROTOCOLS = PROTOCOLS
    return make_source(write_key=KEY)


@pytest.fixture
def send(relay: Relay, source: Source) -> Callable[..., list[str]]:
    """Let a client send calls through the relay; it says which errors it met."""

    def send(client: Client, calls: list[dict[str, Any]], **options: Any) -> list[str]:
        options = {"host": f"{relay.url}/p", "key": KEY, **options}
        try:
            return client.send(calls, **options)
        except NotInstalled as error:
            machine.lacks(str(error))
            pytest.skip(str(error))

    return send


@pytest.fixture
def failing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> type[FailingBuffer]:
    """A database that is down for one request."""
    settings.PERSONALIZATION_BUFFER = "tests.acceptance.failing.FailingBuffer"
    monkeypatch.setattr(FailingBuffer, "left", 1)
    monkeypatch.setattr(FailingBuffer, "after", False)
    return FailingBuffer


@pytest.fixture
def full(settings: Any, monkeypatch: pytest.MonkeyPatch) -> type[FullBuffer]:
    """A backlog that is too long when one request comes, and sends it away for a second."""
    settings.PERSONALIZATION_BUFFER = "tests.acceptance.failing.FullBuffer"
    settings.PERSONALIZATION_BUFFER_LIMIT = 1
    monkeypatch.setattr(FullBuffer, "left", 1)
    monkeypatch.setattr(pressure, "gauge", pressure.Gauge(fresh=0))
    monkeypatch.setattr(pressure, "FIRST", 1)
    monkeypatch.setattr(pressure, "LONGEST", 1)
    return FullBuffer
