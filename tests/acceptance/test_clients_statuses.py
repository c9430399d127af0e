"""What unmodified clients make of each of our answers: every valid event is stored exactly
once, and what can never succeed is tried once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from pytest_django.live_server_helper import LiveServer

from personalization.events.models import Event, Source
from personalization.ingest import throttle
from personalization.testing import drain
from tests.acceptance.clients import client as clients
from tests.acceptance.clients.calls import tracks
from tests.acceptance.clients.client import Client
from tests.acceptance.conftest import KEY
from tests.acceptance.failing import FailingBuffer
from tests.acceptance.relay import Relay

pytestmark = [
    pytest.mark.clients,
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize(
        "client",
        [
            clients.SEGMENT,
            clients.SEGMENT_NODE,
            clients.RUDDER,
            clients.RUDDER_NODE,
            clients.POSTHOG,
            clients.POSTHOG_NODE,
        ],
        ids=str,
    ),
]

#: Seconds in which a throttled source may send once.
SHORT_MINUTE = 4.0
#: Those that know no Retry-After and come back at times of their own.
IMPATIENT = (clients.RUDDER, clients.POSTHOG_NODE)

Send = Callable[..., list[str]]


def stored_numbers() -> list[int | None]:
    drain()
    found = Event.objects.values_list("properties__n", flat=True)
    return sorted(found, key=lambda n: (n is None, n))


def test_a_wrong_key_is_tried_once(client: Client, send: Send, relay: Relay) -> None:
    send(client, tracks(1), key="nobody's")
    assert relay.statuses() == [401]
    assert stored_numbers() == []


def test_an_oversize_event_harms_no_neighbour_and_is_tried_once(
    client: Client, send: Send, relay: Relay, settings: Any
) -> None:
    settings.PERSONALIZATION_EVENT_MAX_BYTES = 2_000
    calls = tracks(3)
    calls[1]["properties"]["text"] = "x" * 2_000
    send(client, calls)
    assert set(relay.statuses()) == {200}
    assert stored_numbers() == [0, 2]
    sent = [event for exchange in relay.seen for event in exchange.json()["batch"]]
    assert len(sent) == 3


def test_an_oversize_batch_is_tried_once(
    client: Client, send: Send, relay: Relay, settings: Any
) -> None:
    settings.PERSONALIZATION_BATCH_MAX_BYTES = 3_000
    send(client, tracks(1, text="x" * 3_000))
    assert relay.statuses() == [413]
    assert stored_numbers() == []


@pytest.mark.parametrize("after", [False, True], ids=["nothing kept", "kept all the same"])
def test_what_a_database_that_was_down_refused_is_sent_again(
    client: Client, after: bool, send: Send, relay: Relay, failing: type[FailingBuffer]
) -> None:
    failing.after = after
    send(client, tracks(1))
    assert relay.statuses() == [503, 200]
    assert stored_numbers() == [0]


@pytest.mark.usefixtures("full")
def test_what_came_while_too_much_waited_is_sent_again(
    client: Client, send: Send, relay: Relay
) -> None:
    send(client, tracks(1))
    assert relay.statuses() == [429, 200]
    assert relay.seen[0].answer_headers["Retry-After"] == "1"
    assert stored_numbers() == [0]


def test_what_came_too_soon_is_sent_again(
    client: Client,
    send: Send,
    relay: Relay,
    source: Source,
    live_server: LiveServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throttle, "MINUTE", SHORT_MINUTE)
    source.rate_limit = 1
    source.save()

    def spend_the_minute() -> None:
        time.sleep(SHORT_MINUTE - time.time() % SHORT_MINUTE)
        first = {"userId": "u1", "event": "First"}
        answer = requests.post(f"{live_server}/p/v1/track", json=first, auth=(KEY, ""), timeout=30)
        answer.raise_for_status()

    # Only now, however long it takes to have the client and to start it.
    relay.ahead = spend_the_minute
    send(client, tracks(1))
    *refused, last = relay.statuses()
    assert (set(refused), last) == ({429}, 200)
    if client not in IMPATIENT:
        assert len(refused) == 1
    assert stored_numbers() == [0, None]


def test_an_answer_that_was_lost_on_the_way_doubles_nothing(
    client: Client, send: Send, relay: Relay
) -> None:
    relay.losing = 1
    send(client, tracks(1))
    assert relay.statuses() == [200, 200]
    assert stored_numbers() == [0]
