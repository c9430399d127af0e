"""What became of each event, for a client that asks to be told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from personalization.events.models import Event, Source
from personalization.testing import drain
from tests.ingest.sending import post, track

pytestmark = pytest.mark.django_db


def ask(client: Client, *events: Any, prefer: str = "return=representation") -> Any:
    response = post(client, json.dumps({"batch": events}), HTTP_PREFER=prefer)
    assert response.status_code == 200
    assert response.headers["Preference-Applied"] == "return=representation"
    return response.json()


def test_each_event_is_answered_in_the_order_of_the_request(client: Client, server: Source) -> None:
    answer = ask(
        client,
        track(messageId="one"),
        {"type": "track", "userId": "u1"},
        track(messageId="two", timestamp="tomorrow"),
        track(messageId="three"),
    )
    assert (answer["success"], answer["accepted"]) == (True, 2)
    results = answer["results"]
    assert [result["index"] for result in results] == [0, 1, 2, 3]
    assert [result["status"] for result in results] == ["ok", "rejected", "rejected", "ok"]
    assert [result.get("messageId") for result in results] == ["one", None, None, "three"]
    assert [result.get("pointer") for result in results] == [None, "/event", "/timestamp", None]
    assert [result.get("code") for result in results][1:3] == ["missing_event", "invalid_timestamp"]
    assert all(result["message"] for result in results[1:3])


def test_a_client_resends_only_what_it_must(client: Client, server: Source) -> None:
    events = [track(messageId="one"), track(messageId="two", userId={"no": "text"})]
    results = ask(client, *events)["results"]
    drain()
    events[1]["userId"] = "u2"
    again = [
        event for event, result in zip(events, results, strict=True) if result["status"] != "ok"
    ]
    assert [event["messageId"] for event in again] == ["two"]
    assert [result["status"] for result in ask(client, *again)["results"]] == ["ok"]
    drain()
    assert set(Event.objects.values_list("message_id", flat=True)) == {"one", "two"}


def test_what_is_stored_already_or_stands_twice_is_a_duplicate(
    client: Client, server: Source
) -> None:
    ask(client, track(messageId="one"))
    drain()
    one, two = track(messageId="one"), track(messageId="two")
    statuses = [result["status"] for result in ask(client, one, two, two)["results"]]
    assert statuses == ["duplicate", "ok", "duplicate"]
    drain()
    assert Event.objects.count() == 2


def test_the_messages_of_another_source_are_no_duplicates(
    client: Client, server: Source, make_source: Any
) -> None:
    make_source(write_key="other-key")
    post(client, json.dumps({"batch": [track(messageId="one")]}), key="other-key")
    drain()
    assert ask(client, track(messageId="one"))["results"][0]["status"] == "ok"


@pytest.mark.parametrize("prefer", ["", "return=minimal", "respond-async", "wait=5"])
def test_who_does_not_ask_is_not_told_and_costs_no_query(
    client: Client, server: Source, prefer: str, django_assert_num_queries: Any
) -> None:
    body = json.dumps({"batch": [track()]})
    post(client, body)
    with django_assert_num_queries(1):  # the events are kept
        response = post(client, body, HTTP_PREFER=prefer)
    assert "results" not in response.json()
    assert "Preference-Applied" not in response.headers


def test_the_preference_may_stand_among_others(client: Client, server: Source) -> None:
    assert len(ask(client, track(), prefer="wait=5, Return=Representation")["results"]) == 1


def test_what_is_beyond_the_length_of_a_batch_is_told_in_one_line(
    client: Client, server: Source, settings: Any
) -> None:
    settings.PERSONALIZATION_BATCH_MAX_EVENTS = 2
    results = ask(client, *(track() for _ in range(5)))["results"]
    assert [result["status"] for result in results] == ["ok", "ok", "rejected"]
    assert results[2]["code"] == "batch_too_long"
