from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from personalization.events.models import Event, Source
from personalization.exceptions import EventRejected, RequestRejected
from personalization.ingest.calls import read_event
from personalization.ingest.protocols.cloudevents.adapter import CloudEvents
from personalization.ingest.protocols.cloudevents.attributes import call_of
from personalization.ingest.protocols.cloudevents.data import data_of, properties_of
from personalization.testing import drain
from tests.contracts.protocol import SENDER, ProtocolContract, Sample, message_of, request, route_of

PATH, KEY = "v1/cloudevents", {"writeKey": "server-key"}
#: As cloudevents 2.2.0 (Python) sends it: no Content-Type at all.
HEADERS = {
    "ce-type": "Order Completed",
    "ce-source": "/shop",
    "ce-id": "1",
    "ce-subject": "u%20%C3%BC%251",
    "ce-time": "2026-11-20T00:00:00Z",
    "ce-specversion": "1.0",
}
EVENT: dict[str, Any] = {
    "type": "com.shop.paid",
    "source": "/shop",
    "id": "29c289ac-92b8-42fb-88f5-b66c8faecb16",
    "specversion": "1.0",
    "time": "2026-11-20T09:00:34.261Z",
    "subject": "u1",
    "data": {"total": 9.5},
    "traceparent": "00-1-1-00",
}
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"


class TestCloudEvents(ProtocolContract):
    protocol = "cloudevents"
    samples = (
        Sample(
            path=PATH, query=KEY, headers=HEADERS, content_type="", body={"total": 9.5}, calls=1
        ),
        Sample(path=PATH, query=KEY, content_type=STRUCTURED, body=EVENT, calls=1),
        Sample(
            path=PATH,
            query=KEY,
            content_type=BATCHED,
            body=[{**EVENT, "id": "b1"}, {**EVENT, "id": "b2", "anonymousid": "a1"}],
            calls=2,
        ),
        Sample(path=PATH, query=KEY, content_type=BATCHED, body=[], calls=0),
    )


BINARY, WHOLE, BATCH, _ = TestCloudEvents.samples


def message(sample: Sample) -> Any:
    return message_of(sample, route_of(CloudEvents(), sample.path))


def test_a_binary_event_lies_in_headers_and_body(client: Client, server: Source) -> None:
    assert request(client, BINARY).json()["accepted"] == 1
    drain()
    event = Event.objects.get()
    assert (event.type, event.name, event.properties) == (
        "track",
        "Order Completed",
        {"total": 9.5},
    )
    assert (event.identity.namespace, event.identity.value) == ("user", "u ü%1")
    assert event.timestamp.isoformat() == "2026-11-20T00:00:00+00:00"
    assert event.message_id == "/shop 1"
    assert event.context == {"cloudevents": {"source": "/shop", "subject": "u ü%1"}}


def test_a_structured_event_lies_in_the_body(client: Client, server: Source) -> None:
    assert request(client, WHOLE).status_code == 200
    drain()
    event = Event.objects.get()
    assert (event.name, event.properties) == ("com.shop.paid", {"total": 9.5})
    assert event.context["cloudevents"] == {
        "source": "/shop",
        "subject": "u1",
        "traceparent": "00-1-1-00",
    }


def test_a_bad_event_of_a_batch_leaves_its_neighbours(client: Client, server: Source) -> None:
    body = [EVENT, {**EVENT, "id": ""}, {**EVENT, "id": "2"}, "no event"]
    answer = request(client, replace(BATCH, body=body)).json()
    assert answer["accepted"] == 2
    rejected = [(one["index"], one["code"], one["pointer"]) for one in answer["rejected"]]
    assert rejected == [(1, "missing_attribute", "/id"), (3, "invalid_event", "")]


def test_a_repeated_event_is_stored_once_and_others_of_its_id_too(
    client: Client, server: Source
) -> None:
    for source in ("/shop", "/shop", "/blog"):
        request(client, replace(WHOLE, body={**EVENT, "source": source}))
    drain()
    assert Event.objects.count() == 2, "an id is unique within its source"


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("application/json", {}),
        ("", {}),
        ("text/plain", {}),
        ("application/cloudevents+avro", {}),
        ("application/cloudevents+avro", HEADERS),
        ("application/cloudevents", {}),
        ("application/octet-stream", HEADERS),
        ("application/xml", HEADERS),
    ],
)
def test_what_is_of_another_type_is_not_supported(
    client: Client, server: Source, content_type: str, headers: dict[str, str]
) -> None:
    sample = replace(BINARY, content_type=content_type, headers=headers)
    response = request(client, sample)
    assert response.status_code == 415
    assert response.json()["code"] in ("unsupported_type", "unsupported_data")


def test_a_batch_is_a_list(client: Client, server: Source) -> None:
    response = request(client, replace(BATCH, body=EVENT))
    assert (response.status_code, response.json()["code"]) == (400, "missing_batch")


@pytest.mark.parametrize("name", ["id", "source", "specversion", "type"])
def test_a_missing_attribute_is_named(client: Client, server: Source, name: str) -> None:
    headers = {key: value for key, value in HEADERS.items() if key != f"ce-{name}"}
    response = request(client, replace(BINARY, headers=headers))
    assert response.status_code == 400
    assert response.json() == {
        "code": "missing_attribute",
        "message": f"The attribute {name} is needed.",
    }


@pytest.mark.parametrize("version", ["0.3", "1", "2.0"])
def test_other_versions_are_refused_by_name(version: str) -> None:
    with pytest.raises(EventRejected, match=version) as refused:
        call_of({**EVENT, "specversion": version})
    assert (refused.value.code, refused.value.pointer) == ("invalid_attribute", "/specversion")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("plain", "plain"),
        ("u%20%C3%BC", "u ü"),
        ("100%25", "100%"),
        ('"quoted"', "quoted"),
        (r'"say \"so\" \\ or not"', r'say "so" \ or not'),
        ('"', '"'),
        ("%ff", "\ufffd"),
        ("%", "%"),
    ],
)
def test_header_values_are_decoded(value: str, read: str) -> None:
    sample = replace(BINARY, headers={**HEADERS, "CE-Note": value})
    (event,) = CloudEvents().open(message(sample)).events
    assert event["note"] == read


@pytest.mark.parametrize(
    ("said", "user", "anonymous"),
    [
        ({}, "u1", None),
        ({"userid": "u2"}, "u2", None),
        ({"anonymousid": "a1"}, None, "a1"),
        ({"userid": "u2", "anonymousid": "a1"}, "u2", "a1"),
    ],
)
def test_an_extension_says_who_it_is_better_than_the_subject(
    said: dict[str, str], user: str | None, anonymous: str | None
) -> None:
    call = call_of({**EVENT, **said})
    assert (call["userId"], call["anonymousId"]) == (user, anonymous)


def test_nobody_is_nobody() -> None:
    call = call_of({name: value for name, value in EVENT.items() if name != "subject"})
    with pytest.raises(EventRejected) as refused:
        read_event(call, sender=SENDER)
    assert refused.value.code == "missing_ids"


@pytest.mark.parametrize(
    ("kind", "name", "properties"),
    [
        ("identify", "Identified", {"plan": "pro"}),
        ("group", "Grouped", {"plan": "pro", "groupId": "g1"}),
        ("page", "Page Viewed", {"plan": "pro"}),
        ("screen", "Screen Viewed", {"plan": "pro"}),
        ("alias", "Aliased", {"previousId": "a0", "userId": "u1"}),
        ("track", "track", {"plan": "pro"}),
        ("Product Added", "Product Added", {"plan": "pro"}),
    ],
)
def test_a_type_that_is_one_of_our_calls_is_that_call(
    kind: str, name: str, properties: dict[str, Any]
) -> None:
    said = {"type": kind, "data": {"plan": "pro"}, "groupid": "g1", "previousid": "a0"}
    arrival = read_event(call_of({**EVENT, **said}), sender=SENDER)
    assert (arrival.name, arrival.properties) == (name, properties)


def test_an_id_too_long_is_shortened_and_stays_unique() -> None:
    ids = [call_of({**EVENT, "id": "x" * 200 + end})["messageId"] for end in "aab"]
    assert ids[0] == ids[1] != ids[2]
    assert len(ids[0]) <= 100


@pytest.mark.parametrize(
    ("body", "content_type", "data"),
    [
        (b'{"a": 1}', "", {"a": 1}),
        (b'{"a": 1}', "application/json; charset=utf-8", {"a": 1}),
        (b'{"a": 1}', "application/vnd.shop+json", {"a": 1}),
        # wsgiref says text/plain for a client that says nothing.
        (b'{"a": 1}', "text/plain", {"a": 1}),
        (b"{not so", "text/plain", "{not so"),
        (b"17", "text/plain", "17"),
        ("Größe".encode(), "text/plain", "Größe"),
        (b"\xff", "text/plain", "\ufffd"),
        (b"", "application/xml", None),
        (b"", "", None),
    ],
)
def test_data_are_json_or_text(body: bytes, content_type: str, data: Any) -> None:
    assert data_of(body, content_type) == data


def test_data_that_are_no_json_are_refused() -> None:
    with pytest.raises(RequestRejected) as refused:
        data_of(b"{", "application/json")
    assert refused.value.code == "invalid_json"


@pytest.mark.parametrize(
    ("said", "properties"),
    [
        ({"data": {"a": 1}}, {"a": 1}),
        ({"data": [1, 2]}, {"data": [1, 2]}),
        ({"data": "text"}, {"data": "text"}),
        ({"data": 0}, {"data": 0}),
        ({"data": None}, {}),
        ({}, {}),
        ({"data_base64": base64.b64encode(b'{"a": 1}').decode()}, {"a": 1}),
        (
            {"data_base64": base64.b64encode(b"hi").decode(), "datacontenttype": "text/plain"},
            {"data": "hi"},
        ),
    ],
)
def test_data_become_properties(said: dict[str, Any], properties: dict[str, Any]) -> None:
    assert properties_of(said) == properties


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"data_base64": "!"}, "invalid_data"),
        ({"data_base64": 17}, "invalid_data"),
        ({"data_base64": "é"}, "invalid_data"),
        ({"data_base64": base64.b64encode(b"{").decode()}, "invalid_json"),
        ({"data_base64": "AAAA", "datacontenttype": "image/png"}, "unsupported_data"),
    ],
)
def test_data_that_cannot_be_decoded_are_refused(said: dict[str, Any], code: str) -> None:
    with pytest.raises(EventRejected) as refused:
        properties_of(said)
    assert (refused.value.code, refused.value.pointer) == (code, "/data_base64")


def test_the_key_may_be_a_bearer_token(client: Client, server: Source) -> None:
    response = client.post(
        f"/p/{PATH}",
        json.dumps(EVENT),
        content_type=f"{STRUCTURED}; charset=utf-8",
        headers={"Authorization": "Bearer server-key"},
    )
    assert response.json()["accepted"] == 1
