"""The official client of the Segment API, unmodified, over a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.db import OperationalError
from pytest_django.live_server_helper import LiveServer
from segment.analytics import Client
from segment.analytics.version import VERSION

from personalization.events.buffer import Batch
from personalization.events.buffers.database import DatabaseBuffer
from personalization.events.models import Event, Source
from personalization.profiles.models import Identity, Profile
from personalization.testing import drain

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)
LIBRARY = {"name": "analytics-python", "version": VERSION}


@pytest.fixture(params=[pytest.param(False, marks=pytest.mark.slow), True], ids=["plain", "gzip"])
def client_of(
    request: pytest.FixtureRequest, live_server: LiveServer, make_source: Callable[..., Source]
) -> Callable[..., Any]:
    make_source(write_key="server-key")

    @contextmanager
    def make(**options: Any) -> Iterator[Client]:
        errors: list[Exception] = []
        client = Client(
            options.pop("write_key", "server-key"),
            host=f"{live_server.url}/p",
            gzip=request.param,
            on_error=lambda error, batch: errors.append(error),
            **options,
        )
        try:
            yield client
            client.flush()
        finally:
            client.join()
        assert errors == []

    return make


def _stored() -> dict[str, Event]:
    return {event.message_id: event for event in Event.objects.select_related("identity")}


def test_every_call_is_stored_field_by_field(client_of: Callable[..., Any]) -> None:
    context = {"locale": "de-AT", "ip": "203.0.113.7", "app": {"build": 7}}
    more = {"context": context, "timestamp": AT}
    with client_of() as client:
        client.identify("u1", {"plan": "pro", "age": 41}, message_id="identify", **more)
        client.track("u1", "Order Completed", {"total": 9.5}, message_id="track", **more)
        client.page("u1", "docs", "Start", {"path": "/"}, message_id="page", **more)
        client.screen("u1", "app", "Home", {"tab": 1}, message_id="screen", **more)
        client.group("u1", "g1", {"size": 12}, message_id="group", **more)
        client.alias("a1", "u1", message_id="alias", **more)
        client.track(anonymous_id="a2", event="Seen", message_id="anonymous", **more)
    assert drain() >= 1
    stored = _stored()
    expected = {
        "identify": ("identify", "Identified", {"plan": "pro", "age": 41}),
        "track": ("track", "Order Completed", {"total": 9.5}),
        "page": ("page", "Page Viewed", {"path": "/", "name": "Start", "category": "docs"}),
        "screen": ("screen", "Screen Viewed", {"tab": 1, "name": "Home", "category": "app"}),
        "group": ("group", "Grouped", {"size": 12, "groupId": "g1"}),
        "alias": ("alias", "Aliased", {"previousId": "a1", "userId": "u1"}),
        "anonymous": ("track", "Seen", {}),
    }
    assert {key: (e.type, e.name, e.properties) for key, e in stored.items()} == expected
    for key, event in stored.items():
        who = ("anonymous", "a2") if key == "anonymous" else ("user", "u1")
        assert (event.identity.namespace, event.identity.value) == who
        assert event.context == {"locale": "de-AT", "app": {"build": 7}, "library": LIBRARY}
        # Corrected by the time the request was under way.
        assert timedelta(0) <= event.timestamp - AT < timedelta(seconds=30)
    assert set(Identity.objects.values_list("namespace", "value")) == {
        ("user", "u1"),
        ("anonymous", "a1"),
        ("anonymous", "a2"),
    }
    profile = Profile.objects.get(identities__value="a1")
    assert profile == Profile.objects.get(identities__value="u1")
    assert profile.snapshot.traits == {"plan": "pro", "age": 41}


def test_as_many_are_stored_as_were_sent(client_of: Callable[..., Any]) -> None:
    with client_of(upload_size=40) as client:
        for number in range(500):
            client.track(f"u{number % 7}", "Product Viewed", {"n": number, "text": "ü" * 50})
    drain()
    assert Event.objects.count() == 500
    numbers = Event.objects.values_list("properties__n", flat=True)
    assert sorted(numbers) == list(range(500))


def test_poison_that_the_client_really_sends_harms_nobody_else(
    client_of: Callable[..., Any],
) -> None:
    poison = [float("nan"), float("inf"), "a\x00b", "\ud83d", 10**400]
    with client_of() as client:
        for value in poison:
            client.track("u1", "Bad", {"value": value})
            client.track("u1", "Good", {"value": 1})
    drain()
    assert list(Event.objects.values_list("name", flat=True)) == ["Good"] * len(poison)


def test_a_wrong_key_is_not_retried(
    client_of: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[Any] = []
    with client_of(write_key="nobody's") as client:
        for consumer in client.consumers:
            consumer.on_error = lambda error, batch: tried.append(error)
        client.track("u1", "Lost")
    (error,) = tried
    assert (error.status, error.code) == (401, "invalid_write_key")
    answers = [record for record in caplog.records if record.name == "django.request"]
    assert len(answers) == 1
    assert not Event.objects.exists()


class UnluckyBuffer(DatabaseBuffer):
    """Keeps the first request and fails before it can say so."""

    failures: ClassVar[list[str]] = []

    def append(self, batch: Batch) -> None:
        super().append(batch)
        if not self.failures:
            self.failures.append("down")
            raise OperationalError("down")


def test_what_was_kept_without_an_answer_is_sent_again_and_stored_once(
    client_of: Callable[..., Any], settings: Any
) -> None:
    UnluckyBuffer.failures.clear()
    settings.PERSONALIZATION_BUFFER = f"{__name__}.UnluckyBuffer"
    with client_of() as client:
        client.track("u1", "Product Viewed")
    assert UnluckyBuffer.failures == ["down"]
    assert UnluckyBuffer().depth() == 2
    drain()
    assert Event.objects.count() == 1
