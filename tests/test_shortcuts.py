"""The public verbs, as the code of a site calls them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from personalization import hints, shortcuts
from personalization.events.models import BufferedBatch, Event, Source
from personalization.exceptions import EventRejected
from personalization.profiles.models import Identity, Profile
from personalization.testing import drain, memory_buffer

pytestmark = pytest.mark.django_db


def test_what_is_tracked_is_an_event_of_the_user() -> None:
    before = datetime.now(UTC)
    shortcuts.track("Order Completed", user_id="u1", properties={"total": 12.5})
    drain()
    event = Event.objects.get()
    assert (event.type, event.name, event.properties) == (
        "track",
        "Order Completed",
        {"total": 12.5},
    )
    assert (event.identity.namespace, event.identity.value) == ("user", "u1")
    assert before <= event.timestamp <= datetime.now(UTC)
    assert (event.source.slug, event.source.kind) == ("django", "server")


def test_one_source_stands_for_the_site() -> None:
    shortcuts.track("A", user_id="u1")
    shortcuts.identify(user_id="u1")
    assert Source.objects.count() == 1
    Source.objects.update(name="Our shop")
    shortcuts.track("B", user_id="u1")
    assert Source.objects.get().name == "Our shop"


def test_what_is_tracked_goes_with_the_transaction() -> None:
    with transaction.atomic():
        shortcuts.track("Undone", user_id="u1")
        shortcuts.identify(user_id="u1", traits={"plan": "pro"})
        transaction.set_rollback(True)
    assert not BufferedBatch.objects.exists()
    assert drain() == 0


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_woken_only_by_what_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(hints, "_send", woken.append)
    with transaction.atomic():
        shortcuts.track("Undone", user_id="u1")
        transaction.set_rollback(True)
    assert woken == []
    with transaction.atomic():
        shortcuts.track("Kept", user_id="u1")
        assert woken == []
    assert woken == [hints.PROCESS_EVENTS]


def test_a_user_is_joined_with_the_visitor_it_was() -> None:
    shortcuts.track("Before", anonymous_id="a1")
    shortcuts.identify(user_id="u1", anonymous_id="a1", traits={"plan": "pro"})
    drain()
    assert Profile.objects.get().snapshot.traits == {"plan": "pro"}
    assert Identity.objects.count() == 2


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: shortcuts.track("E"), "missing_ids"),
        (lambda: shortcuts.track("E", user_id=""), "missing_ids"),
        (lambda: shortcuts.track("E", user_id="null"), "missing_ids"),
        (lambda: shortcuts.identify(user_id="None"), "missing_ids"),
        (lambda: shortcuts.track("", user_id="u1"), "missing_event"),
        (lambda: shortcuts.track("E", user_id="u" * 201), "invalid_id"),
        (lambda: shortcuts.track("E", user_id="u1", properties=["x"]), "invalid_event"),
        (lambda: shortcuts.track("E", user_id="u1", properties={"x": "\x00"}), "poison_value"),
    ],
)
def test_what_is_wrong_with_an_event_is_said_at_once(call: Callable[[], None], code: str) -> None:
    with pytest.raises(EventRejected) as caught:
        call()
    assert caught.value.code == code
    assert not BufferedBatch.objects.exists()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Decimal("9.99"), "/properties/x is a Decimal, which JSON does not know."),
        (datetime(2026, 5, 4, tzinfo=UTC), "/properties/x is a datetime"),
        ({1, 2}, "/properties/x is a set"),
        (b"bytes", "/properties/x is a bytes"),
        ({1: 2}, "/properties/x: 1 is no text, as keys are."),
    ],
)
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_value_that_json_does_not_know_is_named(value: Any, said: str, in_memory: bool) -> None:
    def attempt() -> None:
        with pytest.raises(EventRejected) as caught:
            shortcuts.track("E", user_id="u1", properties={"x": value})
        assert str(caught.value).startswith(said)

    if in_memory:
        with memory_buffer():
            attempt()
    else:
        attempt()


def test_tuples_are_lists() -> None:
    shortcuts.track("E", user_id="u1", properties={"sizes": (41, 42)})
    drain()
    assert Event.objects.get().properties == {"sizes": [41, 42]}


def test_a_site_can_test_without_the_buffers_table() -> None:
    with memory_buffer() as memory:
        shortcuts.track("E", user_id="u1")
        assert not BufferedBatch.objects.exists()
        assert memory.depth() == 1
        assert drain() == 1
        assert memory.depth() == 0
    assert Event.objects.get().name == "E"
