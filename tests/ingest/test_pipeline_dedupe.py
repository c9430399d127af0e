from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from personalization import metrics
from personalization.events.models import Event, Source
from personalization.profiles.models import Snapshot
from personalization.testing import drain
from tests.ingest.sending import send, track

pytestmark = pytest.mark.django_db


def counted() -> int:
    snapshot = Snapshot.objects.get()
    return int(snapshot.features["events.count"])


def test_a_repeated_message_counts_once_within_a_request(client: Client, server: Source) -> None:
    send(client, *[track(messageId="one")] * 3, track(messageId="two"))
    drain()
    assert (Event.objects.count(), counted()) == (2, 2)


def test_a_repeated_message_counts_once_within_a_claim(client: Client, server: Source) -> None:
    before = metrics.snapshot().get("events.duplicates", 0)
    for _ in range(3):
        send(client, track("First", messageId="one"), track(messageId="two"))
    assert drain() == 3
    assert (Event.objects.count(), counted()) == (2, 2)
    assert metrics.snapshot()["events.duplicates"] == before + 4


def test_a_repeated_message_counts_once_across_claims(client: Client, server: Source) -> None:
    for _ in range(3):
        send(client, track(messageId="one"), track(messageId="two"))
        assert drain() == 1
    assert (Event.objects.count(), counted()) == (2, 2)


def test_the_message_that_came_first_is_the_one_that_is_kept(
    client: Client, server: Source
) -> None:
    send(client, track("First", messageId="one"), track("Second", messageId="one"))
    send(client, track("Third", messageId="one"))
    drain()
    assert Event.objects.get().name == "First"


def test_message_ids_of_two_sources_have_nothing_to_do_with_each_other(
    client: Client, server: Source, make_source: Callable[..., Source]
) -> None:
    make_source(write_key="other-key")
    for key in ("server-key", "other-key", "server-key"):
        send(client, track(messageId="one"), key=key)
    drain()
    assert (Event.objects.count(), counted()) == (2, 2)


def test_message_ids_are_compared_exactly(client: Client, server: Source) -> None:
    send(client, *(track(messageId=name) for name in ("a", "A", "ä", "a ", "Ä")))
    drain()
    assert Event.objects.count() == 5
