from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from personalization.events.models import Event, Source
from personalization.exceptions import EventRejected, RequestRejected, TooLarge, TooMany
from personalization.ingest.message import Message
from personalization.ingest.protocols.plausible.adapter import Plausible
from personalization.ingest.protocols.plausible.calls import call_of
from personalization.testing import drain
from tests.contracts.protocol import ProtocolContract, Sample, request

#: As @plausible-analytics/tracker 0.4.6 sends them, the key as the domain.
VIEW = {"n": "pageview", "v": 36, "u": "https://s.example/shoes?utm_source=news", "d": "server-key"}
PURCHASE = {
    "n": "Purchase",
    "v": 36,
    "u": "https://s.example/thanks",
    "d": "server-key",
    "r": None,
    "p": {"sku": "S1"},
    "$": {"amount": 9.5, "currency": "EUR"},
}
ENGAGED = {
    "n": "engagement",
    "sd": 66,
    "d": "server-key",
    "u": "https://s.example/shoes",
    "p": {"author": "Ada"},
    "e": 6129,
    "v": 36,
}
#: As servers and older scripts do: long names, properties as a text.
LONG = {
    "name": "Signed Up",
    "url": "https://s.example/join",
    "domain": "server-key",
    "referrer": "https://search.example/",
    "props": '{"plan": "pro"}',
    "revenue": '{"amount": "59.90", "currency": "EUR"}',
    "interactive": False,
    "screen_width": 1280,
}


class TestPlausible(ProtocolContract):
    protocol = "plausible"
    samples = (
        Sample(path="api/event", content_type="text/plain", body=VIEW, calls=1),
        Sample(path="api/event", content_type="text/plain", body=PURCHASE, calls=1),
        Sample(path="api/event", content_type="text/plain", body=ENGAGED, calls=1),
        Sample(path="api/event", body=LONG, calls=1),
    )


SAMPLE = TestPlausible.samples[0]
MESSAGE = Message(call="event", address="203.0.113.9", headers={"User-Agent": "Mozilla/5.0"})


def sent(client: Client, body: Any, **changes: Any) -> Event:
    response = request(client, replace(SAMPLE, body=body, **changes))
    assert (response.status_code, response.content) == (202, b"ok")
    assert "x-plausible-dropped" not in response.headers
    drain()
    return Event.objects.latest("pk")


def test_a_view(client: Client, server: Source) -> None:
    event = sent(client, VIEW, headers={"User-Agent": "Mozilla/5.0"})
    assert (event.type, event.name) == ("page", "Page Viewed")
    assert event.properties == {
        "url": "https://s.example/shoes?utm_source=news",
        "path": "/shoes",
        "search": "?utm_source=news",
    }
    assert event.context["campaign"] == {"source": "news"}
    assert event.context["library"] == {"name": "plausible", "version": "36"}
    assert event.context["userAgent"] == "Mozilla/5.0"


def test_a_purchase_is_an_order(client: Client, server: Source) -> None:
    event = sent(client, PURCHASE)
    assert (event.type, event.name) == ("track", "Order Completed")
    assert event.properties == {"sku": "S1", "revenue": 9.5, "total": 9.5, "currency": "EUR"}


def test_engagement_is_told_in_seconds(client: Client, server: Source) -> None:
    event = sent(client, ENGAGED)
    assert event.name == "Engaged"
    assert event.properties == {"author": "Ada", "seconds": 6.129, "scroll": 66}


def test_long_names_and_texts_of_objects(client: Client, server: Source) -> None:
    event = sent(client, LONG)
    assert event.name == "Signed Up"
    assert event.properties == {
        "plan": "pro",
        "revenue": 59.9,
        "currency": "EUR",
        "interactive": False,
    }
    assert event.context["page"]["referrer"] == "https://search.example/"
    assert event.context["screen"] == {"width": 1280}


def test_a_scroll_depth_that_the_script_could_not_tell_is_left_out() -> None:
    assert call_of({**ENGAGED, "sd": 255}, MESSAGE)["properties"] == {
        "author": "Ada",
        "seconds": 6.129,
    }
    assert call_of({"n": "engagement", "u": "/", "e": "soon"}, MESSAGE)["properties"] == {}


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("Woo Add to Cart", "Product Added"),
        ("Woo Remove from Cart", "Product Removed"),
        ("EDD Start Checkout", "Checkout Started"),
        ("EDD Complete Purchase", "Order Completed"),
        ("Outbound Link: Click", "Outbound Link: Click"),
    ],
)
def test_shop_plugins_speak_of_the_same_events(name: str, event: str) -> None:
    assert call_of({"n": name, "u": "/"}, MESSAGE)["event"] == event


def test_amounts_of_shop_plugins_are_numbers() -> None:
    props = {"product_name": "Boot", "product_id": 17, "quantity": "2", "price": "9.50", "tax": ""}
    call = call_of({"n": "Woo Add to Cart", "u": "/", "p": props}, MESSAGE)
    assert call["properties"] == {**props, "name": "Boot", "quantity": 2, "price": 9.5}


def test_a_fragment_is_part_of_the_path_where_the_site_routes_by_it() -> None:
    page = call_of({**VIEW, "u": "https://s.example/#/cart", "h": 1}, MESSAGE)["context"]["page"]
    assert page["path"] == "/#/cart"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"u": "/"}, "missing_event"),
        ({"n": " ", "u": "/"}, "missing_event"),
        ({"n": 17, "u": "/"}, "missing_event"),
        ({"n": "pageview"}, "missing_url"),
        ({"n": "E", "u": "/", "p": "{"}, "invalid_event"),
        ({"n": "E", "u": "/", "p": "[]"}, "invalid_event"),
        ({"n": "E", "u": "/", "p": [1]}, "invalid_event"),
        ({"n": "E", "u": "/", "$": [1]}, "invalid_event"),
        ("no object", "invalid_event"),
    ],
)
def test_what_is_missing_or_wrong_is_named(body: Any, code: str) -> None:
    with pytest.raises(EventRejected) as refused:
        call_of(body, MESSAGE)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**VIEW, "d": "nobody's"}, "invalid_write_key"),
        ({**VIEW, "n": None}, "missing_event"),
        ([], "invalid_json"),
        (b"{", "invalid_json"),
    ],
)
def test_what_is_dropped_is_said_to_be(
    client: Client, server: Source, body: Any, code: str
) -> None:
    response = request(client, replace(SAMPLE, body=body))
    assert response.status_code == 202
    assert response.headers["x-plausible-dropped"] == "1"
    assert response.json()["code"] == code
    assert drain() == 0


def test_an_event_that_nobody_agreed_to_is_dropped(client: Client, browser: Source) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    body = {**VIEW, "d": "browser-key"}
    headers = {"User-Agent": agent, "Accept-Language": "en", "Accept": "*/*"}
    response = request(client, replace(SAMPLE, body=body, headers=headers))
    assert response.status_code == 202
    assert response.headers["x-plausible-dropped"] == "1"
    assert drain() == 0


@pytest.mark.parametrize(
    "error", [TooLarge(), TooMany(retry_after=3), RequestRejected("later", status=503)]
)
def test_what_may_be_sent_again_is_not_called_accepted(error: RequestRejected) -> None:
    answer = Plausible().refuse(error, MESSAGE)
    assert answer.status == error.status
    assert answer.headers == error.headers


@pytest.mark.parametrize("domain", ["other.example, server-key", "server-key,other.example"])
def test_one_of_several_domains_may_be_the_key(client: Client, server: Source, domain: str) -> None:
    sent(client, {**VIEW, "d": domain})


def test_the_key_may_be_in_the_query(client: Client, server: Source) -> None:
    sent(client, {**VIEW, "d": "s.example"}, query={"writeKey": "server-key"})


@pytest.mark.parametrize("forwarded", ["", "198.51.100.7, 10.0.0.1"])
def test_who_asks_for_it_is_told_the_address_that_counts(
    client: Client, server: Source, forwarded: str
) -> None:
    headers = {"X-Debug-Request": "true", "X-Forwarded-For": forwarded}
    response = request(client, replace(SAMPLE, headers=headers))
    assert response.status_code == 200
    assert response.content.decode() == ("198.51.100.7" if forwarded else "127.0.0.1")
