from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from personalization.events.models import Event, Source
from personalization.exceptions import EventRejected, RequestRejected
from personalization.ingest.message import Message
from personalization.ingest.protocols.posthog.adapter import PostHog
from personalization.ingest.protocols.posthog.calls import call_of
from personalization.profiles.models import Identity
from personalization.testing import drain
from tests.contracts.protocol import ProtocolContract, Sample, request

#: As posthog 7.91.1 (Python) sends it.
SERVER = {"$lib": "posthog-python", "$lib_version": "7.91.1", "$os": "Linux", "$is_server": True}
ADDED: dict[str, Any] = {
    "event": "added to cart",
    "distinct_id": "u1",
    "properties": {"sku": "S1", "$set": {"vip": True}, **SERVER},
    "timestamp": "2026-11-20T10:00:00+00:00",
    "uuid": "c62f982f-0000-4000-8000-000000000001",
}
ALIAS: dict[str, Any] = {
    "event": "$create_alias",
    "distinct_id": "anon-1",
    "properties": {"distinct_id": "anon-1", "alias": "u1", **SERVER},
    "timestamp": "2026-11-20T10:00:01+00:00",
    "uuid": "c62f982f-0000-4000-8000-000000000002",
}
BATCH: dict[str, Any] = {
    "batch": [ADDED, ALIAS],
    "historical_migration": False,
    "sent_at": "2026-11-20T11:00:00+00:00",
    "api_key": "server-key",
}
#: As posthog-js 1.434.18 sends them, cut to what bears on the call.
DEVICE = "01a1fa54-21c4-7153-af3d-a699a10a6655"
BROWSER: dict[str, Any] = {
    "$os": "Linux",
    "$browser": "Chrome",
    "$timezone": "UTC",
    "$current_url": "https://shop.example/shoes?utm_source=news",
    "$host": "shop.example",
    "$pathname": "/shoes",
    "$raw_user_agent": "Mozilla/5.0",
    "$browser_language": "en-US",
    "$screen_height": 720,
    "$screen_width": 1280,
    "$lib": "web",
    "$lib_version": "1.434.18",
    "$insert_id": "5te9ghmtgwhmmy7b",
    "$time": 1795201180.178,
    "$device_id": DEVICE,
    "utm_source": "news",
    "utm_medium": None,
    "gclid": None,
    "$referrer": "$direct",
    "$session_id": "01a1fa54-21e8-7656-aba9-c2238aa812d5",
    "$session_entry_url": "https://shop.example/",
    "$sdk_debug_retry_queue_size": 0,
    "$autocapture_disabled_server_side": False,
    "$active_feature_flags": [],
    "token": "server-key",
}
ANONYMOUS = {**BROWSER, "distinct_id": DEVICE, "$is_identified": False}
KNOWN = {**BROWSER, "distinct_id": "u1", "$user_id": "u1", "$is_identified": True}
VIEW: dict[str, Any] = {
    "uuid": "01a1fa54-2211-71fc-a3be-272230e6c78e",
    "event": "$pageview",
    "properties": {**ANONYMOUS, "title": "Shoes"},
    "timestamp": "2026-11-20T10:00:00.177Z",
}
IDENTIFY: dict[str, Any] = {
    "uuid": "01a1fa54-21f6-78e1-8a41-ea6c29eb1a6c",
    "event": "$identify",
    "properties": {**KNOWN, "$anon_distinct_id": DEVICE},
    "$set": {"plan": "pro"},
    "$set_once": {"$initial_referrer": "$direct", "first": "x"},
    "timestamp": "2026-11-20T10:00:00.150Z",
}
PAGE_BATCH = {"api_key": "server-key", "batch": [VIEW, IDENTIFY], "sent_at": "2026-11-20T11:00:00Z"}
ONE = {**ADDED, "api_key": "server-key"}


def packed(body: Any) -> bytes:
    """As posthog-js sends it when a page is left."""
    data = base64.b64encode(json.dumps(body).encode()).decode()
    return urlencode({"data": data, "compression": "base64"}).encode()


#: Not encoded for a form, as it should be: its plus signs arrive as spaces.
PLUS = base64.b64encode(json.dumps({"note": ">>>>>>", **PAGE_BATCH}).encode())
assert b"+" in PLUS


class TestPostHog(ProtocolContract):
    protocol = "posthog"
    samples = (
        Sample(path="batch/", body=BATCH, calls=3),
        Sample(path="e/", content_type="text/plain", body=PAGE_BATCH, calls=2),
        Sample(path="i/v0/e", body={**ONE, "uuid": "one-1"}, calls=2),
        Sample(
            path="e/",
            content_type="application/x-www-form-urlencoded",
            query={"compression": "base64"},
            body=packed({**PAGE_BATCH, "batch": [{**VIEW, "uuid": "left"}]}),
            calls=1,
        ),
        Sample(
            path="capture/",
            body=[{**VIEW, "uuid": "list-1"}, {**VIEW, "uuid": "list-2"}],
            query={"_": "1795179600000"},
            calls=2,
        ),
        Sample(
            path="i/v1/analytics/events",
            headers={"Authorization": "Bearer server-key"},
            body={"batch": [{**ADDED, "uuid": "v1-1", "options": {"cookieless_mode": False}}]},
            calls=2,
        ),
        Sample(path="flags/", query={"v": "2"}, body={"token": "server-key"}, calls=0),
        Sample(path="decide/", query={"v": "3"}, body={"token": "server-key"}, calls=0),
        Sample(path="array/server-key/config", method="GET", calls=0),
        Sample(path="array/server-key/config.js", method="GET", calls=0),
    )


SAMPLES = TestPostHog.samples
MESSAGE = Message(call="events", address="203.0.113.9")


def opened(body: Any, **fields: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PostHog().open(Message(**{"call": "events", "body": content, **fields}))


def of_browser(name: str, properties: Mapping[str, Any] = ANONYMOUS, **fields: Any) -> Any:
    return call_of({"event": name, "properties": properties, **fields}, MESSAGE)


# -- events ---------------------------------------------------------------------------


def test_what_a_server_sends_is_of_a_person(client: Client, server: Source) -> None:
    response = request(client, SAMPLES[0])
    assert (response.status_code, response.json()) == (200, {"status": "Ok"})
    drain()
    added = Event.objects.get(name="added to cart")
    assert (added.type, added.properties) == ("track", {"sku": "S1"})
    assert added.message_id == "c62f982f-0000-4000-8000-000000000001"
    assert added.context == {"library": {"name": "posthog-python", "version": "7.91.1"}}
    assert (added.identity.namespace, added.identity.value) == ("user", "u1")
    before = Identity.objects.get(value="anon-1")
    assert before.profile_id == added.identity.profile_id, "an alias is one person"


def test_what_an_event_says_of_its_person_is_said_of_them(client: Client, server: Source) -> None:
    request(client, SAMPLES[0])
    request(client, SAMPLES[0])
    drain()
    said = Event.objects.get(type="identify")
    assert (said.properties, said.identity.value) == ({"vip": True}, "u1")
    assert said.message_id == "c62f982f-0000-4000-8000-000000000001:set"


def test_a_view_of_a_browser(client: Client, server: Source) -> None:
    request(client, SAMPLES[1])
    drain()
    view = Event.objects.get(type="page")
    assert (view.name, view.identity.value) == ("Page Viewed", DEVICE)
    assert view.properties == {
        "url": "https://shop.example/shoes?utm_source=news",
        "path": "/shoes",
        "search": "?utm_source=news",
        "title": "Shoes",
    }
    assert view.context == {
        "page": {name: view.properties[name] for name in ("url", "path", "search")},
        "campaign": {"source": "news"},
        "userAgent": "Mozilla/5.0",
        "locale": "en-US",
        "timezone": "UTC",
        "sessionId": "01a1fa54-21e8-7656-aba9-c2238aa812d5",
        "library": {"name": "web", "version": "1.434.18"},
        "screen": {"width": 1280, "height": 720},
    }


def test_who_a_browser_says_it_is_is_joined_with_it(client: Client, server: Source) -> None:
    request(client, SAMPLES[1])
    drain()
    said = Event.objects.get(type="identify")
    assert said.properties == {"plan": "pro"}
    assert said.context["setOnce"] == {"first": "x"}
    assert said.identity.value == "u1"
    assert Identity.objects.get(value=DEVICE).profile_id == said.identity.profile_id


@pytest.mark.parametrize(
    ("properties", "ids"),
    [
        (ANONYMOUS, {"anonymousId": DEVICE}),
        # Somebody else uses the browser: its device goes on, and joins nobody.
        (KNOWN, {"userId": "u1"}),
        ({"distinct_id": "u1"}, {"userId": "u1"}),
        ({"distinct_id": "u1", "$process_person_profile": False}, {"anonymousId": "u1"}),
        # Older libraries do not say whether they know somebody.
        ({"distinct_id": "d1", "$device_id": "d1"}, {"anonymousId": "d1"}),
        ({"distinct_id": "u1", "$device_id": "d1"}, {"userId": "u1"}),
    ],
)
def test_whose_an_event_is(properties: dict[str, Any], ids: dict[str, str]) -> None:
    call = of_browser("E", properties)
    assert {name: call[name] for name in call if name.endswith("Id") and name != "messageId"} == ids


def test_a_v1_event_may_want_no_profile() -> None:
    event = {"event": "E", "distinct_id": "x", "options": {"process_person_profile": False}}
    assert call_of(event, MESSAGE)["anonymousId"] == "x"


def test_a_visitor_who_is_not_to_be_recognized_is_for_a_day() -> None:
    cookieless = {"distinct_id": "$posthog_cookieless", "$host": "shop.example"}
    first, again = (of_browser("E", cookieless)["anonymousId"] for _ in range(2))
    assert first == again
    assert len(first) == 32
    elsewhere = replace(MESSAGE, address="203.0.113.10")
    assert call_of({"event": "E", "properties": cookieless}, elsewhere)["anonymousId"] != first


@pytest.mark.parametrize(
    ("name", "said", "kind", "content"),
    [
        ("$set", {"$set": {"plan": "pro"}}, "identify", {"traits": {"plan": "pro"}}),
        ("$set_once", {"$set_once": {"first": "x"}}, "identify", {"traits": {}}),
        (
            "$groupidentify",
            {"$group_type": "company", "$group_key": "5", "$group_set": {"size": 3}},
            "group",
            {"groupId": "5", "traits": {"size": 3, "groupType": "company"}},
        ),
        ("$groupidentify", {"$group_key": "5"}, "group", {"groupId": "5", "traits": {}}),
        ("$screen", {"$screen_name": "Cart", "n": 1}, "screen", {"name": "Cart"}),
        ("$autocapture", {"$el_text": "Buy"}, "track", {"properties": {"text": "Buy"}}),
        (
            "$web_vitals",
            {"$web_vitals_LCP_value": 900},
            "track",
            {"properties": {"$web_vitals_LCP_value": 900}},
        ),
        ("E", {"$prev_pageview_duration": 3, "x": None}, "track", {"properties": {}}),
        (
            "$pageleave",
            {"$prev_pageview_duration": 3},
            "track",
            {"properties": {"$prev_pageview_duration": 3}},
        ),
    ],
)
def test_names_with_a_dollar_mean_something(
    name: str, said: dict[str, Any], kind: str, content: dict[str, Any]
) -> None:
    call = of_browser(name, {**ANONYMOUS, **said})
    assert call["type"] == kind
    assert {part: call[part] for part in content} == content


@pytest.mark.parametrize(("name", "event"), [("$autocapture", "Element Clicked"), ("$x", "$x")])
def test_events_with_a_name_of_our_own_get_it(name: str, event: str) -> None:
    assert of_browser(name)["event"] == event


def test_the_site_may_have_a_title_of_its_own() -> None:
    call = of_browser("Article Viewed", {**ANONYMOUS, "title": "On boots"})
    assert call["properties"] == {"title": "On boots"}
    assert "title" not in call["context"]["page"]


def test_a_referrer_is_told_when_there_is_one() -> None:
    call = of_browser("E", {**ANONYMOUS, "$referrer": "https://search.example/"})
    assert call["context"]["page"]["referrer"] == "https://search.example/"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"distinct_id": "u1"}, "missing_event"),
        ({"event": 17}, "missing_event"),
        ({"event": "E", "properties": []}, "invalid_event"),
        ({"event": "$set", "$set": "x", "distinct_id": "u1"}, "invalid_event"),
        ({"event": "E", "$set_once": [1], "distinct_id": "u1"}, "invalid_event"),
        ("text", "invalid_event"),
    ],
)
def test_an_event_that_is_none_is_refused(event: Any, code: str) -> None:
    with pytest.raises(EventRejected) as refused:
        call_of(event, MESSAGE)
    assert refused.value.code == code


def test_an_event_with_its_own_time_and_no_id_gets_one_that_stays() -> None:
    event = {"event": "E", "distinct_id": "u1", "timestamp": "2026-11-20T10:00:00Z"}
    ids = [call_of({**event, **said}, MESSAGE)["messageId"] for said in ({}, {}, {"n": 1})]
    assert ids[0] == ids[1] != ids[2]
    assert call_of({"event": "E", "distinct_id": "u1"}, MESSAGE)["messageId"] is None
    assert of_browser("E")["messageId"] == "5te9ghmtgwhmmy7b"


# -- requests -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (json.dumps(PAGE_BATCH).encode(), {}),
        (base64.b64encode(json.dumps(PAGE_BATCH).encode()), {"compression": "base64"}),
        (json.dumps(PAGE_BATCH).encode(), {"compression": "base64"}),
        (packed(PAGE_BATCH), {}),
        (packed(PAGE_BATCH), {"compression": "base64"}),
        (urlencode({"ver": "1", "data": json.dumps(PAGE_BATCH)}).encode(), {}),
        (b"data=" + PLUS, {"compression": "b64"}),
    ],
)
def test_a_request_may_be_wrapped_in_several_ways(body: bytes, query: dict[str, str]) -> None:
    envelope = opened(body, query=query)
    assert envelope.events == [VIEW, IDENTIFY]
    assert envelope.keys == ["server-key"]
    assert envelope.sent_at == "2026-11-20T11:00:00Z"


def test_gzip_is_told_by_its_first_bytes(client: Client, server: Source) -> None:
    body = gzip.compress(json.dumps(PAGE_BATCH).encode())
    response = request(client, replace(SAMPLES[1], body=body, query={"compression": "gzip-js"}))
    assert response.json() == {"status": "Ok"}
    assert drain() == 1


@pytest.mark.parametrize(
    ("body", "query", "code"),
    [
        (b"", {}, "invalid_json"),
        (b"17", {}, "missing_batch"),
        (b'{"batch": 17}', {}, "missing_batch"),
        (b"e!", {"compression": "base64"}, "invalid_base64"),
        (b"eyJ=", {"compression": "base64"}, "invalid_json"),
        (b"data=e30&" + b"a=1&" * 20, {}, "invalid_form"),
        (b"data=\xff", {}, "invalid_form"),
        (b"N4Ig", {"compression": "lz64"}, "unsupported_compression"),
        (b"data=N4Ig&compression=lz-string", {}, "unsupported_compression"),
    ],
)
def test_what_cannot_be_unwrapped_is_refused(body: bytes, query: dict[str, str], code: str) -> None:
    with pytest.raises(RequestRejected) as refused:
        opened(body, query=query)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("body", "query", "keys"),
    [
        ({"api_key": "K", "batch": []}, {}, ["K"]),
        ({"token": "K", "event": "E"}, {}, ["K"]),
        ({"batch": []}, {"token": "Q"}, ["Q"]),
        ({"api_key": "K", "batch": []}, {"api_key": "Q"}, ["K", "Q"]),
        ([{"event": "E", "token": "K"}, {"properties": {"token": "K"}}, "junk"], {}, ["K"]),
        ({"batch": []}, {}, []),
    ],
)
def test_the_key_may_be_in_many_places(body: Any, query: dict[str, str], keys: list[str]) -> None:
    assert opened(body, query=query).keys == keys


def test_events_of_two_projects_are_refused(client: Client, server: Source) -> None:
    body = [{**VIEW, "token": "server-key"}, {**VIEW, "token": "other"}]
    body[0]["properties"] = body[1]["properties"] = {}
    response = request(client, replace(SAMPLES[4], body=body))
    assert (response.status_code, response.json()["code"]) == (401, "mixed_keys")


@pytest.mark.parametrize(
    ("said", "query", "sent_at"),
    [
        ({"sent_at": "2026-11-20T11:00:00Z"}, {}, "2026-11-20T11:00:00Z"),
        ({}, {"_": "1795179600000"}, "2026-11-20T13:00:00+00:00"),
        ({}, {"_": "soon"}, None),
        ({}, {"_": "9" * 400}, None),
        ({}, {}, None),
        ({"sent_at": "2026-11-20T11:00:00Z", "historical_migration": True}, {}, None),
    ],
)
def test_the_clock_of_the_client(said: dict[str, Any], query: dict[str, str], sent_at: Any) -> None:
    assert opened({"batch": [ADDED], **said}, query=query).sent_at == sent_at


@pytest.mark.parametrize(
    "said",
    [{"properties": {"$ignore_sent_at": True}}, {"options": {"disable_skew_correction": True}}],
)
def test_times_that_are_to_stand_do(said: dict[str, Any]) -> None:
    body = {"batch": [ADDED, {**ADDED, **said}], "sent_at": "2026-11-20T11:00:00Z"}
    assert opened(body).sent_at is None


def test_the_time_of_a_v1_request_is_in_a_header() -> None:
    headers = {"PostHog-Request-Timestamp": "2026-11-20T11:00:00+00:00"}
    envelope = opened({"batch": []}, call="results", headers=headers)
    assert envelope.sent_at == "2026-11-20T11:00:00+00:00"


# -- answers --------------------------------------------------------------------------


def test_a_single_event_that_is_refused_refuses_the_request(client: Client, server: Source) -> None:
    response = request(client, replace(SAMPLES[2], body={"api_key": "server-key", "event": "E"}))
    assert (response.status_code, response.json()["code"]) == (400, "missing_ids")


def test_bad_events_of_a_batch_leave_their_neighbours(client: Client, server: Source) -> None:
    body = {**BATCH, "batch": [{"event": "E"}, ALIAS, "junk"]}
    assert request(client, replace(SAMPLES[0], body=body)).json() == {"status": "Ok"}
    drain()
    assert Event.objects.count() == 1


def test_a_beacon_wants_no_answer(client: Client, server: Source) -> None:
    response = request(client, replace(SAMPLES[1], query={"beacon": "1"}))
    assert (response.status_code, response.content) == (204, b"")


def test_v1_is_told_of_every_event(client: Client, server: Source, settings: Any) -> None:
    settings.PERSONALIZATION_BATCH_MAX_EVENTS = 4
    events = [
        {**ADDED, "uuid": "good"},  # which makes two, for what it says of its person
        {"event": "E", "uuid": "bad"},
        {**ALIAS, "uuid": "also good"},
        {**ALIAS, "uuid": "too many"},
    ]
    response = request(client, replace(SAMPLES[5], body={"batch": events}))
    assert response.status_code == 200
    results = response.json()["results"]
    assert results.pop("bad") == {"result": "drop", "details": "userId or anonymousId is needed."}
    assert results == {
        "good": {"result": "ok"},
        "also good": {"result": "ok"},
        "too many": {"result": "retry"},
    }


# -- documents ------------------------------------------------------------------------


def test_the_settings_of_the_browser_library(client: Client) -> None:
    config = client.get("/p/array/phc_1/config").json()
    assert config["token"] == "phc_1"
    assert config["supportedCompression"] == ["gzip", "gzip-js"]
    assert not any(
        config[name] for name in ("hasFeatureFlags", "sessionRecording", "surveys", "heatmaps")
    )


def test_the_settings_as_a_script(client: Client) -> None:
    response = client.get("/p/array/%3Cb%3E/config.js")
    assert response.headers["Content-Type"] == "text/javascript"
    text = response.content.decode()
    assert "<" not in text
    entry = json.loads(text[text.index(", {") + 2 : text.rindex(")")])
    assert entry["<b>"]["config"]["token"] == "<b>"


@pytest.mark.parametrize("path", ["flags/?v=2", "decide/?v=3"])
def test_there_are_no_flags(client: Client, path: str) -> None:
    for response in (
        client.post(f"/p/{path}", "{}", content_type="text/plain"),
        client.get(f"/p/{path}"),
    ):
        answer = response.json()
        assert answer["featureFlags"] == {}
        assert answer["errorsWhileComputingFlags"] is False
