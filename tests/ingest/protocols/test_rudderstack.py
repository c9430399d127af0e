from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from personalization.events.models import Event, Source
from personalization.exceptions import RequestRejected, TooMany
from personalization.ingest.protocols.rudderstack.adapter import GIF, RudderStack
from personalization.ingest.protocols.rudderstack.pixel import event_of
from personalization.profiles.models import Identity
from personalization.testing import drain
from tests.contracts.protocol import ProtocolContract, Sample, message_of, request, route_of

#: As @rudderstack/analytics-js 3.34.1 sends it when a page is left.
BEACON: dict[str, Any] = {
    "batch": [
        {
            "type": "page",
            "channel": "web",
            "name": "Home",
            "properties": {"path": "/", "title": "Shop"},
            "context": {"traits": {}, "sessionId": 1795179851192, "sessionStart": True},
            "originalTimestamp": "2026-11-20T11:59:58.000Z",
            "anonymousId": "8a5c8e9e-5b1c-4c5e-8d0a-0f2b7d1c3e55",
            "userId": "",
            "messageId": "2f5b9d0e-0000-4000-8000-000000000001",
            "integrations": {"All": True},
            "sentAt": "2026-11-20T11:59:59.000Z",
        },
        {
            "type": "track",
            "event": "Product Added",
            "channel": "web",
            "properties": {"sku": "S1"},
            "context": {},
            "originalTimestamp": "2026-11-20T11:59:58.500Z",
            "anonymousId": "8a5c8e9e-5b1c-4c5e-8d0a-0f2b7d1c3e55",
            "userId": "u1",
            "messageId": "2f5b9d0e-0000-4000-8000-000000000002",
            "integrations": {"All": True},
        },
    ]
}
QUERY = {"writeKey": "server-key", "event": "Email Opened", "userId": "u1", "campaign": "spring"}


class TestRudderStack(ProtocolContract):
    protocol = "rudderstack"
    samples = (
        Sample(
            path="beacon/v1/batch",
            body=BEACON,
            content_type="text/plain",
            query={"writeKey": "server-key"},
            calls=2,
        ),
        Sample(path="pixel/v1/track", method="GET", query=QUERY, calls=1),
        Sample(
            path="pixel/v1/page",
            method="GET",
            query={"writeKey": "server-key", "anonymousId": '"a1"', "name": "Home"},
            calls=1,
        ),
        Sample(path="sourceConfig/", method="GET", query={"writeKey": "server-key"}, calls=0),
    )


BEACON_SAMPLE, TRACK, PAGE, SETTINGS = TestRudderStack.samples


def test_a_beacon_is_a_batch_of_calls_as_they_are(client: Client, server: Source) -> None:
    response = request(client, BEACON_SAMPLE)
    assert response.json() == {"success": True, "accepted": 2, "rejected": []}
    drain()
    page, added = Event.objects.order_by("timestamp")
    assert (page.name, page.properties["name"]) == ("Page Viewed", "Home")
    assert page.context == {"sessionId": 1795179851192, "sessionStart": True}
    assert (added.name, added.properties) == ("Product Added", {"sku": "S1"})
    assert added.message_id == "2f5b9d0e-0000-4000-8000-000000000002"
    assert (added.identity.namespace, added.identity.value) == ("user", "u1")
    assert page.identity.profile_id == added.identity.profile_id


def test_a_beacon_without_a_batch_is_refused(client: Client) -> None:
    response = client.post("/p/beacon/v1/batch", "{}", content_type="text/plain")
    assert (response.status_code, response.json()["code"]) == (400, "missing_batch")


def test_a_pixel_is_an_event_and_a_picture(client: Client, server: Source) -> None:
    response = request(client, TRACK)
    assert (response.status_code, response.content) == (200, GIF)
    assert response.headers["Content-Type"] == "image/gif"
    assert "no-store" in response.headers["Cache-Control"]
    drain()
    event = Event.objects.get()
    assert (event.type, event.name) == ("track", "Email Opened")
    assert event.properties == {"campaign": "spring"}
    assert event.identity.value == "u1"


def test_a_pixel_of_a_page(client: Client, server: Source) -> None:
    request(client, PAGE)
    drain()
    event = Event.objects.get()
    assert (event.type, event.properties) == ("page", {"name": "Home"})
    assert event.identity.namespace == Identity.ANONYMOUS
    assert event.identity.value == "a1", "the quotes of the library are none of the id"


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"writeKey": "nobody's", "event": "E", "userId": "u1"},
        {"writeKey": "server-key", "userId": "u1"},
        {"writeKey": "server-key", "event": "E"},
        {"writeKey": "server-key", "event": "E", "userId": "u1", "properties": "{"},
        {"writeKey": "server-key", "event": "E", "userId": "u1", "context": "[]"},
    ],
)
def test_the_picture_is_shown_whatever_becomes_of_the_event(
    client: Client, server: Source, query: dict[str, str]
) -> None:
    response = client.get("/p/pixel/v1/track", query)
    assert (response.status_code, response.content) == (200, GIF)
    assert drain() == 0


def test_a_beacon_that_is_refused_is_told_so() -> None:
    message = message_of(BEACON_SAMPLE, route_of(RudderStack(), BEACON_SAMPLE.path))
    assert RudderStack().refuse(TooMany(retry_after=3), message).headers == {"Retry-After": "3"}


def test_properties_and_context_may_be_json_or_spelled_out() -> None:
    query = {
        "event": "E",
        "properties": '{"sku": "S1", "price": 9.5}',
        "properties.sku": "not this one",
        "properties.tags.first": "new",
        "context.page.url": "https://shop.example/",
        "context.page.url.odd": "a text has nothing below it",
        "plain": "a property",
        "with.dot": "also one",
        "traits": "{}",
    }
    assert event_of(query) == {
        "event": "E",
        "properties": {
            "sku": "S1",
            "price": 9.5,
            "tags": {"first": "new"},
            "plain": "a property",
            "with.dot": "also one",
        },
        "context": {"page": {"url": "https://shop.example/"}},
    }


def test_a_query_cannot_be_nested_without_end() -> None:
    event = event_of({"context." + ".".join("a" * 500): "1"})
    assert len(json.dumps(event)) > 500, "what lies deeper is a name with dots"
    depth, place = 0, event
    while isinstance(place, dict):
        depth, place = depth + 1, next(iter(place.values()))
    assert depth == 6


def test_an_empty_field_of_a_query_says_nothing() -> None:
    assert event_of({"event": "", "userId": "", "name": "Home"}) == {"name": "Home"}


@pytest.mark.parametrize("text", ["{", "[]", "1", '"text"', "NaN", "\ud800"])
def test_properties_that_are_no_object_are_refused(text: str) -> None:
    with pytest.raises(RequestRejected) as refused:
        event_of({"event": "E", "properties": text})
    assert refused.value.code == "invalid_json"


def test_the_browser_library_finds_a_source_without_destinations(client: Client) -> None:
    source = client.get("/p/sourceConfig/?p=npm&v=3.34.1&writeKey=WK").json()["source"]
    # What the library looks at before it goes on.
    assert source["id"] is not None
    assert source["enabled"] is True
    assert source["destinations"] == []
    assert source["config"]["statsCollection"]["errors"] == {"enabled": False}
    assert source["writeKey"] == "WK"


#: Calls as rudder-sdk-python and rudder-sdk-node send them, to the addresses that
#: RudderStack shares with Segment.
IDENTIFY = {
    "userId": "u1",
    "anonymousId": None,
    "context": {"traits": {"plan": "pro"}, "library": {"name": "rudder-analytics-python"}},
    "type": "identify",
    "channel": "server",
    "integrations": {"All": True},
    "originalTimestamp": "2026-11-20T11:59:58.644Z",
    "messageId": "d1409be4-0000-4000-8000-000000000001",
}


def test_the_calls_of_its_servers_are_taken_where_segments_are(
    client: Client, server: Source
) -> None:
    body = {"batch": [IDENTIFY], "sentAt": "2026-11-20T11:59:59Z"}
    response = client.post(
        "/p/v1/batch?writeKey=server-key",
        json.dumps(body),
        content_type="application/x-www-form-urlencoded",  # as rudder-sdk-node says
    )
    assert response.json()["accepted"] == 1
    drain()
    event = Event.objects.get()
    assert (event.name, event.properties) == ("Identified", {"plan": "pro"})
    assert "traits" not in event.context
    assert event.timestamp < event.received_at, "originalTimestamp counts"
