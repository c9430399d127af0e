"""The public verbs, as the code of a site calls them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from personalization import hints, shortcuts
from personalization.events.models import BufferedBatch, Event, Source
from personalization.exceptions import EventRejected, UnknownSource
from personalization.ingest.models import DeadLetter
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
        (lambda: shortcuts.track("E", user_id="u1", properties={"x": "y" * 33_000}), "event_too_large"),
        (lambda: shortcuts.track("E", user_id="u1", message_id="m" * 101), "invalid_message_id"),
        (lambda: shortcuts.track("E", user_id="u1", context=["x"]), "invalid_event"),
        (lambda: shortcuts.track("E", user_id="u1", timestamp=5), "invalid_timestamp"),
        (lambda: shortcuts.track("E", user_id="u1", timestamp=datetime(2026, 5, 4)), "invalid_timestamp"),
        (lambda: shortcuts.track("E", user_id="u1", timestamp="1999-01-01"), "too_old"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_event_is_said_at_once(call: Callable[[], None], code: str) -> None:
    with pytest.raises(EventRejected) as caught:
        call()
    assert caught.value.code == code
    assert not BufferedBatch.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"user_id": "null"}, "userId or anonymousId is needed. Got 'null' and None."),
        ({"user_id": True}, "/userId is a text. Got True."),
        ({"user_id": object}, "/userId is a type, which JSON does not know."),
        ({"event": "", "user_id": "u1"}, "1 to 200 characters. Got ''."),
        ({"user_id": "u1", "timestamp": "soon"}, "“soon” is not an ISO 8601 date and time. Got 'soon'."),
        ({"user_id": "u1", "timestamp": datetime(2026, 5, 4)}, "datetime.datetime(2026, 5, 4, 0, 0) has no time zone"),
        ({"user_id": "u1", "message_id": ["m"]}, "100 characters at most. Got ['m']."),
        ({"user_id": "u" * 500}, f"200 are allowed. Got '{'u' * 99}."),
    ],
)  # fmt: skip
def test_an_error_names_the_value(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(EventRejected) as caught:
        shortcuts.track(**{"event": "E", **wrong})
    assert said in str(caught.value)


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


@pytest.mark.parametrize(
    "stated", [datetime(2026, 5, 4, 12, tzinfo=ZoneInfo("Europe/Vienna")), "2026-05-04T10:00:00Z"]
)
def test_an_event_may_have_happened_before(stated: Any) -> None:
    shortcuts.track("E", user_id="u1", timestamp=stated)
    drain()
    assert Event.objects.get().timestamp == datetime(2026, 5, 4, 10, tzinfo=UTC)


def test_an_event_with_an_id_of_its_own_is_stored_once() -> None:
    for _ in range(2):
        shortcuts.track("Order Completed", user_id="u1", message_id="order-1001")
    drain()
    assert Event.objects.get().message_id == "order-1001"


def test_the_context_is_kept_but_for_addresses() -> None:
    shortcuts.track("E", user_id="u1", context={"locale": "de", "ip": "203.0.113.7"})
    drain()
    assert Event.objects.get().context == {"locale": "de"}


def test_a_user_may_be_named_by_a_number() -> None:
    shortcuts.track("E", user_id=17)
    drain()
    assert Event.objects.get().identity.value == "17"


def test_another_source_may_be_meant(make_source: Callable[..., Source]) -> None:
    make_source(slug="warehouse")
    shortcuts.track("E", user_id="u1", source="warehouse")
    drain()
    assert Event.objects.get().source.slug == "warehouse"
    assert not Source.objects.filter(slug="django").exists()


def test_a_source_must_be_there_and_be_believed(make_source: Callable[..., Source]) -> None:
    with pytest.raises(UnknownSource, match="no server source “shop”. There are: none."):
        shortcuts.track("E", user_id="u1", source="shop")
    make_source(slug="shop", kind=Source.Kind.BROWSER)
    make_source(slug="warehouse")
    with pytest.raises(UnknownSource, match="no server source “shop”. There are: warehouse."):
        shortcuts.track("E", user_id="u1", source="shop")


def test_what_no_verb_takes_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="propertys"):
        shortcuts.track("E", user_id="u1", propertys={})  # type: ignore[call-arg]


def test_the_other_verbs_are_the_other_calls() -> None:
    shortcuts.page("Home", user_id="u1", properties={"path": "/"})
    shortcuts.page(user_id="u1")
    shortcuts.group("acme", user_id="u1", traits={"plan": "pro"})
    shortcuts.alias("a1", user_id="u1")
    shortcuts.identify(anonymous_id="a2", traits={"plan": "free"})
    drain()
    assert [(e.type, e.properties) for e in Event.objects.order_by("pk")] == [
        ("page", {"path": "/", "name": "Home"}),
        ("page", {}),
        ("group", {"plan": "pro", "groupId": "acme"}),
        ("alias", {"previousId": "a1", "userId": "u1"}),
        ("identify", {"plan": "free"}),
    ]
    assert Profile.objects.count() == 2


def test_an_operator_may_set_aside_what_the_code_of_the_site_sends() -> None:
    shortcuts.track("Order Completed", user_id="u1", properties={"order_id": "1"})
    Source.objects.update(schemas=Source.Schemas.QUARANTINE)
    shortcuts.track("Made Up", user_id="u1", apply=True)
    shortcuts.track("Order Completed", user_id="u1", properties={"order_id": "1", "total": "much"})
    assert sorted(DeadLetter.objects.values_list("code", flat=True)) == [
        "schema_violation",
        "unknown_event",
    ]
    drain()
    assert Event.objects.count() == 1
