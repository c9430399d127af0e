from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from personalization.events.models import Event, Source
from personalization.exceptions import EventRejected, RequestRejected, Unauthorized
from personalization.ingest.message import Message
from personalization.ingest.protocols.umami.adapter import BOT, Umami
from personalization.ingest.protocols.umami.calls import call_of
from personalization.profiles.models import Identity
from personalization.testing import drain
from tests.contracts.protocol import ProtocolContract, Sample, request

#: As umami-analytics 1.0.0 and Umami's script send them, the key as the website.
VIEW: dict[str, Any] = {
    "type": "event",
    "payload": {
        "website": "server-key",
        "screen": "1920x1080",
        "language": "en-US",
        "title": "Home",
        "hostname": "shop.example",
        "url": "/?utm_source=news",
        "referrer": "",
    },
}
PAYLOAD = VIEW["payload"]
ADDED = {
    "type": "event",
    "payload": {**PAYLOAD, "name": "added", "data": {"sku": "S1"}, "tag": "b"},
}
IDENTIFY = {
    "type": "identify",
    "payload": {**PAYLOAD, "id": "u1", "vid": "v1", "data": {"plan": "pro"}},
}
PERFORMANCE = {"type": "performance", "payload": {**PAYLOAD, "lcp": 900, "cls": 0.1}}
ENGAGEMENT = {"type": "engagement", "payload": {**PAYLOAD, "engagement": 6129}}
AGENT = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}


class TestUmami(ProtocolContract):
    protocol = "umami"
    samples = (
        Sample(path="api/send", body=VIEW, headers=AGENT, calls=1),
        # The Python library says “Bearer None” when nobody is logged in.
        Sample(path="api/send", body=ADDED, headers={"Authorization": "Bearer None"}, calls=1),
        Sample(path="api/send", body=IDENTIFY, calls=1),
        Sample(path="api/batch", body=[PERFORMANCE, ENGAGEMENT], calls=2),
    )


SEND, BATCH = TestUmami.samples[0], TestUmami.samples[3]
MESSAGE = Message(call="send", address="203.0.113.9", headers=AGENT)


def call(kind: str = "event", **payload: Any) -> Any:
    return call_of({"type": kind, "payload": payload}, MESSAGE)


def test_a_view(client: Client, server: Source) -> None:
    answer = request(client, SEND).json()
    assert set(answer) == {"cache", "sessionId", "visitId"}
    assert uuid.UUID(answer["sessionId"]) != uuid.UUID(answer["visitId"])
    drain()
    event = Event.objects.get()
    assert (event.type, event.name) == ("page", "Page Viewed")
    assert event.properties == {
        "url": "/?utm_source=news",
        "path": "/",
        "search": "?utm_source=news",
        "title": "Home",
    }
    assert event.context["campaign"] == {"source": "news"}
    assert event.context["locale"] == "en-US"
    assert event.context["screen"] == {"width": 1920, "height": 1080}
    assert event.context["userAgent"] == AGENT["User-Agent"]


def test_a_named_event(client: Client, server: Source) -> None:
    request(client, replace(SEND, body=ADDED))
    drain()
    event = Event.objects.get()
    assert (event.type, event.name) == ("track", "added")
    assert event.properties == {"sku": "S1", "tag": "b"}


def test_a_visitor_is_the_same_all_day_long(client: Client, server: Source) -> None:
    first, second = (request(client, SEND).json() for _ in range(2))
    other = request(client, replace(SEND, headers={"User-Agent": "Another"})).json()
    assert first["sessionId"] == second["sessionId"] != other["sessionId"]
    drain()
    identities = Identity.objects.filter(namespace=Identity.ANONYMOUS)
    assert identities.count() == 2
    assert not identities.filter(value__in=[first["sessionId"], other["sessionId"]]).exists()


def test_a_person_is_joined_with_the_browser_they_say_they_use(
    client: Client, server: Source
) -> None:
    request(client, replace(SEND, body=IDENTIFY))
    drain()
    event = Event.objects.get()
    assert (event.name, event.properties) == ("Identified", {"plan": "pro"})
    person, browser = Identity.objects.get(value="u1"), Identity.objects.get(value="v1")
    assert (person.namespace, browser.namespace) == ("user", "anonymous")
    assert person.profile_id == browser.profile_id


@pytest.mark.parametrize(
    ("payload", "ids"),
    [
        ({"id": "u1", "vid": "v1"}, {"userId": "u1", "anonymousId": None}),
        ({"vid": "v1"}, {"anonymousId": "v1"}),
        ({"id": "u1"}, {"userId": "u1", "anonymousId": None}),
    ],
)
def test_whose_an_event_is(payload: dict[str, str], ids: dict[str, Any]) -> None:
    made = call(**payload)
    assert {name: made[name] for name in ("userId", "anonymousId") if name in made} == ids


def test_a_server_may_state_the_address_and_agent_of_its_visitor() -> None:
    stated = {"website": "w", "ip": "198.51.100.7", "userAgent": "Safari"}
    made = call(**stated)
    assert made["anonymousId"] != call(website="w")["anonymousId"]
    assert made["context"]["userAgent"] == "Safari"
    # Of the same day: on the next one nobody is known by an address.
    asked = replace(MESSAGE, address="198.51.100.7", headers={"User-Agent": "Safari"})
    itself = {"type": "event", "payload": {"website": "w"}}
    assert made["anonymousId"] == call_of(itself, asked)["anonymousId"]


def test_measurements_of_a_page() -> None:
    vitals = call_of(PERFORMANCE, MESSAGE)
    assert (vitals["event"], vitals["properties"]) == (
        "Web Vitals Measured",
        {"lcp": 900, "cls": 0.1},
    )
    engaged = call_of(ENGAGEMENT, MESSAGE)
    assert (engaged["event"], engaged["properties"]) == ("Engaged", {"seconds": 6.129})
    assert call("engagement")["properties"] == {}


def test_a_time_of_its_own_counts_and_makes_an_id_that_stays() -> None:
    payload = {"website": "w", "timestamp": 1795176000, "id": "u1"}
    first, again = call(**payload), call(**payload)
    assert first["timestamp"] == "2026-11-20T12:00:00+00:00"
    assert first["messageId"] == again["messageId"]
    assert first["messageId"] != call(**payload, name="added")["messageId"]
    assert call(website="w")["messageId"] is None


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "error", "payload": {}}, "unknown_type"),
        ({"type": ["event"], "payload": {}}, "unknown_type"),
        ({"type": "event", "payload": 17}, "invalid_event"),
        ({"type": "event", "payload": {"data": [1]}}, "invalid_event"),
        ({"type": "event", "payload": {"timestamp": "soon"}}, "invalid_timestamp"),
        ("text", "invalid_event"),
    ],
)
def test_what_is_no_event_is_refused(event: Any, code: str) -> None:
    with pytest.raises(EventRejected) as refused:
        call_of(event, MESSAGE)
    assert refused.value.code == code


@pytest.mark.parametrize("screen", ["", "wide", "1920", "x1080", None, 17])
def test_a_screen_without_a_size_says_what_it_can(screen: Any) -> None:
    sizes = call(screen=screen)["context"].get("screen", {})
    assert sizes in ({}, {"width": 1920}, {"height": 1080})


def test_a_batch_tells_what_was_wrong(client: Client, server: Source) -> None:
    answer = request(client, replace(BATCH, body=[VIEW, {"type": "error"}, ADDED])).json()
    assert (answer["size"], answer["processed"], answer["errors"]) == (3, 2, 1)
    (detail,) = answer["details"]
    assert (detail["index"], detail["response"]["error"]["code"]) == (1, "unknown_type")
    drain()
    assert Event.objects.count() == 2


def test_a_batch_is_a_list_of_one_website() -> None:
    with pytest.raises(RequestRejected):
        Umami().open(Message(call="batch", body=b"{}"))
    body = b'[{"payload": {"website": "a"}}, {"payload": {"website": "b"}}]'
    with pytest.raises(Unauthorized):
        Umami().open(Message(call="batch", body=body))


@pytest.mark.parametrize("name", ["website", "link", "pixel"])
def test_what_an_event_belongs_to_is_the_key(name: str) -> None:
    body = f'{{"type": "event", "payload": {{"{name}": "K"}}}}'.encode()
    assert "K" in Umami().open(Message(call="send", body=body)).keys


def test_a_bot_is_told_what_umami_tells_bots() -> None:
    answer = Umami().refuse(RequestRejected("no", code="bot"), MESSAGE)
    assert (answer.status, answer.body) == (200, BOT)


def test_an_event_that_nobody_agreed_to_is_not_called_kept(client: Client, browser: Source) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    body = {**VIEW, "payload": {**PAYLOAD, "website": "browser-key"}}
    headers = {"User-Agent": agent, "Accept-Language": "en", "Accept": "*/*"}
    answer = request(client, replace(SEND, body=body, headers=headers)).json()
    assert answer["accepted"] == 0
    assert answer["rejected"][0]["code"] == "no_consent"
    assert drain() == 0
