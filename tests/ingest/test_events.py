"""One bad event among good ones: named, counted, and alone in being refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from personalization import metrics
from personalization.events.models import Event, Source
from personalization.testing import drain
from tests.ingest.sending import codes, post, problem, send, track

pytestmark = pytest.mark.django_db

NOT_OBJECTS = ["text", 17, True, ["list"], 1.5]
POISON: list[Any] = [
    float("nan"),
    float("inf"),
    -float("inf"),
    10**400,
    "a\x00b",
    "\ud800",
    "\udfff",
]

BAD: list[tuple[Any, str]] = [
    *((value, "invalid_event") for value in [*NOT_OBJECTS, None]),
    ({}, "unknown_type"),
    *((track(type=kind), "unknown_type") for kind in ["", None, "Track", "delete", 17, [], {}]),
    (track(type="x" * 10_000), "unknown_type"),
    (track(event=...), "missing_event"),
    *((track(event=name), "missing_event") for name in ["", "  ", None, 17, ["E"], {}, "x" * 201]),
    (track(userId=...), "missing_ids"),
    *((track(userId=value), "invalid_id") for value in [True, 1.5, [], {}, "x" * 201, 10**201]),
    *((track(anonymousId=value), "invalid_id") for value in [False, 1.5, [], {}, "x" * 201]),
    *((track(properties=value), "invalid_event") for value in NOT_OBJECTS),
    *((track(context=value), "invalid_event") for value in NOT_OBJECTS),
    *((track(type="identify", traits=value), "invalid_event") for value in NOT_OBJECTS),
    *((track(type="identify", context={"traits": x}), "invalid_event") for x in NOT_OBJECTS),
    *((track(type="page", context={"page": value}), "invalid_event") for value in NOT_OBJECTS),
    *((track(messageId=value), "invalid_message_id") for value in [[], {}, ["m"], "m" * 101]),
    *((track(timestamp=value), "invalid_timestamp") for value in [17, "now", ["x"], {"at": 1}, True, "9" * 99]),
    *((track(properties={"deep": [{"x": value}]}), "poison_value") for value in POISON),
    *((track(userId=value), "poison_value") for value in POISON),
    *((track(event=value), "poison_value") for value in POISON),
    *((track(context={"page": {"url": value}}), "poison_value") for value in POISON),
    *((track(properties={key: 1}), "poison_value") for key in POISON if isinstance(key, str)),
    (track(unknown={"\udfff\ud800": 1}), "poison_value"),
    (track(properties={"x": "y" * 33_000}), "event_too_large"),
]  # fmt: skip


def _text(*events: Any) -> str:
    """Return the batch as a careless client writes it: with NaN and lone surrogates."""
    return json.dumps({"batch": events})


@pytest.mark.parametrize(("event", "code"), BAD)
def test_a_bad_event_is_named_and_its_neighbours_are_kept(
    client: Client, server: Source, event: Any, code: str
) -> None:
    before = metrics.snapshot().get("events.rejected", 0)
    response = post(client, _text(track("Before"), event, track("After")))
    assert response.status_code == 200
    answer = response.json()
    assert (answer["success"], answer["accepted"]) == (True, 2)
    (rejected,) = answer["rejected"]
    assert set(rejected) == {"index", "code", "message", "pointer"}
    assert (rejected["index"], rejected["code"]) == (1, code)
    assert 0 < len(rejected["message"]) < 300
    assert metrics.snapshot()["events.rejected"] == before + 1
    drain()
    assert set(Event.objects.values_list("name", flat=True)) == {"Before", "After"}


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (event, code)
        for event, code in BAD
        # In the path the type is known, and a body that is no object is another error.
        if isinstance(event, dict) and code not in ("unknown_type", "event_too_large")
    ],
)
def test_a_bad_single_call_is_refused(
    client: Client, server: Source, event: Any, code: str
) -> None:
    response = post(client, json.dumps(event), path=event["type"])
    assert response.status_code == 400
    assert problem(response) == code


def test_the_type_of_a_single_call_is_in_its_path(client: Client, server: Source) -> None:
    assert post(client, json.dumps(track(type="page")), path="track").status_code == 200
    drain()
    assert Event.objects.get().type == "track"


def test_several_bad_events_are_named_by_their_places(client: Client, server: Source) -> None:
    answer = send(client, track(), 17, track(), track(event=""), {}, track())
    assert answer["accepted"] == 3
    assert codes(answer["rejected"]) == {1: "invalid_event", 3: "missing_event", 4: "unknown_type"}


def test_messages_say_where_and_what_is_allowed(client: Client, server: Source) -> None:
    events = [track(type="buy"), track(properties={"a": [1, {"b\x00": 2}]}), track(timestamp="x")]
    messages = [one["message"] for one in send(client, *events)["rejected"]]
    assert messages[0].endswith("Allowed: track, page, screen, identify, group, alias.")
    assert messages[1].startswith("/properties/a/1/'b\\x00' holds a NUL")
    assert messages[2] == "/timestamp: “x” is not an ISO 8601 date and time."


def test_nesting_is_bounded(client: Client, server: Source) -> None:
    def nested(depth: int) -> Any:
        return {"x": nested(depth - 1)} if depth else 1

    answer = send(client, track(properties=nested(31)), track(properties=nested(32)))
    assert codes(answer["rejected"]) == {1: "too_deeply_nested"}
    drain()
    assert Event.objects.get().properties == nested(31)


def test_long_events_are_measured_as_they_were_sent(client: Client, server: Source) -> None:
    """32 KiB of Cyrillic are 16 Ki letters, though JSON may also write each in six bytes."""
    fits = track(properties={"text": "я" * 16_000})
    over = track(properties={"text": "я" * 16_400})
    response = post(client, json.dumps({"batch": [fits, over]}, ensure_ascii=False))
    assert codes(response.json()["rejected"]) == {1: "event_too_large"}
    assert response.json()["accepted"] == 1


def test_what_is_beyond_the_longest_batch_is_refused_in_one_line(
    client: Client, server: Source, settings: Any
) -> None:
    settings.PERSONALIZATION_BATCH_MAX_EVENTS = 3
    before = metrics.snapshot().get("events.rejected", 0)
    answer = send(client, track(), 17, track(), track(), track())
    assert answer["accepted"] == 2
    assert codes(answer["rejected"]) == {1: "invalid_event", 3: "batch_too_long"}
    assert "the last 2 were not taken" in answer["rejected"][1]["message"]
    assert metrics.snapshot()["events.rejected"] == before + 3


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ("5d5c1f2e-0000-4000-8000-000000000000", "5d5c1f2e-0000-4000-8000-000000000000"),
        ("node-next-1795179837674-5d5c1f2e", "node-next-1795179837674-5d5c1f2e"),
        ("k3j5h2k3j5h2k3j5h2k3j", "k3j5h2k3j5h2k3j5h2k3j"),
        ("ü" * 100, "ü" * 100),
        (17, "17"),
        (0, "0"),
        (1.5, "1.5"),
    ],
)
def test_message_ids_of_every_shape_are_kept(
    client: Client, server: Source, stated: Any, kept: str
) -> None:
    send(client, track(messageId=stated), track(messageId=stated))
    drain()
    assert Event.objects.get().message_id == kept


@pytest.mark.parametrize("absent", [..., None, ""])
def test_events_without_a_message_id_are_told_apart(
    client: Client, server: Source, absent: Any
) -> None:
    send(client, track(messageId=absent), track(messageId=absent))
    drain()
    assert Event.objects.count() == 2


@pytest.mark.parametrize(
    "call",
    [
        {"type": "page", "name": "Home", "context": {"page": {"path": "/", "title": "T"}}},
        {"type": "page", "name": "Home", "properties": {"path": "/", "title": "T"}},
        {
            "type": "page",
            "properties": {"path": "/", "name": "Home"},
            "context": {"page": {"path": "/old", "title": "T"}},
        },
    ],
)
def test_a_page_is_described_by_its_context_and_its_properties(
    client: Client, server: Source, call: dict[str, Any]
) -> None:
    send(client, {"userId": "u1", **call})
    drain()
    assert Event.objects.get().properties == {"path": "/", "title": "T", "name": "Home"}


def test_traits_may_be_in_the_context_and_addresses_are_never_kept(
    client: Client, server: Source
) -> None:
    context = {"traits": {"plan": "pro"}, "ip": "203.0.113.7", "locale": "de"}
    send(client, {"type": "identify", "userId": "u1", "context": context})
    drain()
    event = Event.objects.get()
    assert event.properties == {"plan": "pro"}
    assert event.context == {"locale": "de"}
    assert event.identity.profile.snapshot.traits == {"plan": "pro"}
