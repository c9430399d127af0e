"""The official libraries of CloudEvents over a real socket, in every mode of its HTTP binding."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from personalization.events.models import Event
from personalization.profiles.models import Identity, Profile
from personalization.testing import drain
from tests.acceptance import golden
from tests.acceptance.clients.calls import every_call, tracks
from tests.acceptance.clients.client import CLOUDEVENTS, CLOUDEVENTS_NODE, Client
from tests.acceptance.relay import Relay

pytestmark = [pytest.mark.clients, pytest.mark.django_db(transaction=True)]

MODES = [
    pytest.param(CLOUDEVENTS, "binary", id="python, binary"),
    pytest.param(CLOUDEVENTS, "structured", id="python, structured"),
    pytest.param(CLOUDEVENTS, "batched", id="python, batched"),
    pytest.param(CLOUDEVENTS_NODE, "binary", id="node, binary"),
    pytest.param(CLOUDEVENTS_NODE, "structured", id="node, structured"),
]

Send = Callable[..., list[str]]


@pytest.fixture
def buffering(relay: Relay) -> Relay:
    """A proxy that reads a chunked body to its end before it asks the site, as nginx does."""
    relay.buffering = True
    return relay


@pytest.mark.usefixtures("buffering")
@pytest.mark.parametrize(("client", "mode"), MODES)
def test_every_call_is_stored_field_by_field(client: Client, mode: str, send: Send) -> None:
    stated = datetime.now(UTC).replace(microsecond=890_000) - timedelta(hours=2)
    assert send(client, every_call(stated), mode=mode) == []
    drain()
    events = list(Event.objects.select_related("identity"))
    golden.check("cloudevents", events, stated=stated)  # one for every mode and language
    assert set(Identity.objects.values_list("value", flat=True)) == {"u1", "a1", "a2"}
    assert Profile.objects.get(identities__value="a1").identities.count() == 2


@pytest.mark.usefixtures("buffering")
@pytest.mark.parametrize(("client", "mode"), MODES)
def test_as_many_are_stored_as_were_sent(client: Client, mode: str, send: Send) -> None:
    assert send(client, tracks(60), mode=mode) == []
    drain()
    numbers = Event.objects.values_list("properties__n", flat=True)
    assert sorted(numbers) == list(range(60))


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_a_chunked_body_that_the_server_cannot_read_is_refused_and_not_taken_for_empty(
    mode: str, send: Send, relay: Relay
) -> None:
    errors = send(CLOUDEVENTS_NODE, tracks(2), mode=mode)
    assert errors == ["refused: length_required"] * 2
    assert relay.statuses() == [411, 411]
    assert {exchange.headers["Transfer-Encoding"] for exchange in relay.seen} == {"chunked"}
    assert not Event.objects.exists()


@pytest.mark.parametrize(("client", "mode"), MODES[:3])
def test_what_can_never_succeed_says_so(
    client: Client, mode: str, send: Send, relay: Relay
) -> None:
    (error,) = send(client, tracks(1), mode=mode, key="nobody's")
    assert "401" in error
    assert relay.statuses() == [401]
