from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from personalization.events.models import Event, Source
from personalization.exceptions import EventRejected, RequestRejected, TooMany
from personalization.ingest.calls import read_event
from personalization.ingest.message import Message
from personalization.ingest.protocols.ga4.adapter import GoogleAnalytics
from personalization.ingest.protocols.ga4.calls import call_of
from personalization.ingest.protocols.ga4.commerce import in_our_terms
from personalization.ingest.protocols.ga4.request import parts_of
from personalization.testing import drain
from tests.contracts.protocol import SENDER, ProtocolContract, Sample, request

QUERY = {"measurement_id": "G-1", "api_secret": "server-key"}
#: As ga4mp 2.0.4 sends it.
ADDED: dict[str, Any] = {
    "name": "add_to_cart",
    "params": {
        "currency": "EUR",
        "value": 9.5,
        "items": [{"item_id": "S1", "item_name": "Boot", "price": 9.5, "quantity": 1}],
        "session_id": 1795181913,
        "engagement_time_msec": 1,
    },
}
REQUEST: dict[str, Any] = {
    "client_id": "123.456",
    "events": [ADDED],
    "user_properties": {"plan": {"value": "pro"}},
}
#: As it sends those that were postponed: with a time, and no list.
POSTPONED = {
    **REQUEST,
    "events": ADDED,
    "user_id": "u1",
    "timestamp_micros": 1795176000000000,
}
VIEW = {
    "name": "page_view",
    "params": {
        "page_location": "https://shop.example/shoes?utm_medium=mail",
        "page_title": "Shoes",
        "page_referrer": "https://search.example/",
        "theme": "dark",
    },
}


class TestGa4(ProtocolContract):
    protocol = "ga4"
    samples = (
        Sample(path="mp/collect", query=QUERY, body=REQUEST, calls=2),
        Sample(path="mp/collect", query=QUERY, body=POSTPONED, calls=2),
        Sample(
            path="mp/collect",
            query=QUERY,
            body={"client_id": "1.2", "events": [VIEW, {"name": "E"}]},
            calls=2,
        ),
        Sample(path="debug/mp/collect", query=QUERY, body=REQUEST, calls=0),
    )


COLLECT, _, _, DEBUG = TestGa4.samples
MESSAGE = Message(call="collect", query=QUERY)


def calls(body: Any) -> list[Any]:
    return [call_of(part, MESSAGE) for part in parts_of(body)]


def call(name: str, params: Any = None, **said: Any) -> Any:
    (made,) = calls({"client_id": "1.2", "events": [{"name": name, "params": params}], **said})
    return made


def test_an_event_and_what_is_known_of_its_person(client: Client, server: Source) -> None:
    response = request(client, COLLECT)
    assert (response.status_code, response.content) == (204, b"")
    drain()
    traits, added = Event.objects.get(type="identify"), Event.objects.get(type="track")
    assert traits.properties == {"plan": "pro"}
    assert added.name == "Product Added"
    product = {"product_id": "S1", "name": "Boot", "price": 9.5, "quantity": 1}
    assert added.properties == {
        **product,
        "products": [product],
        "currency": "EUR",
        "value": 9.5,
    }
    assert added.context == {
        "sessionId": 1795181913,
        "library": {"name": "ga4"},
        "measurementId": "G-1",
    }
    assert (added.identity.namespace, added.identity.value) == ("anonymous", "123.456")
    assert traits.identity_id == added.identity_id


def test_a_request_with_a_time_of_its_own_is_stored_once(client: Client, server: Source) -> None:
    for _ in range(2):
        request(client, replace(COLLECT, body=POSTPONED))
    drain()
    assert Event.objects.count() == 2
    added = Event.objects.get(type="track")
    assert added.timestamp.isoformat() == "2026-11-20T12:00:00+00:00"
    assert (added.identity.namespace, added.identity.value) == ("user", "u1")


def test_two_equal_events_of_a_request_are_two() -> None:
    first, second = calls({"client_id": "1", "timestamp_micros": 1, "events": [ADDED, ADDED]})
    assert first["messageId"] != second["messageId"]


def test_without_a_time_there_is_no_id_to_know_it_again_by() -> None:
    assert call("E")["messageId"] is None


@pytest.mark.parametrize(
    ("of_request", "of_event", "at"),
    [
        (None, None, None),
        (1795176000000000, None, "2026-11-20T12:00:00+00:00"),
        ("1795176000000000", None, "2026-11-20T12:00:00+00:00"),
        (None, 1795176000500000, "2026-11-20T12:00:00.500000+00:00"),
        (1, 1795176000500000, "2026-11-20T12:00:00.500000+00:00"),
    ],
)
def test_the_time_of_an_event_counts_before_that_of_its_request(
    of_request: Any, of_event: Any, at: str | None
) -> None:
    event = {"name": "E", "timestamp_micros": of_event}
    (made,) = calls({"client_id": "1", "timestamp_micros": of_request, "events": [event]})
    assert made["timestamp"] == at


def test_user_properties_of_different_times_are_told_apart() -> None:
    properties = {
        "plan": {"value": "pro", "timestamp_micros": 1795176000000000},
        "size": {"value": 3, "timestamp_micros": 1795176000000000},
        "city": {"value": "Graz"},
        "bare": 1,
    }
    made = calls({"client_id": "1", "user_properties": properties, "timestamp_micros": 1})
    assert [(one["traits"], one["timestamp"]) for one in made] == [
        ({"plan": "pro", "size": 3}, "2026-11-20T12:00:00+00:00"),
        ({"city": "Graz", "bare": 1}, "1970-01-01T00:00:00.000001+00:00"),
    ]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({}, True),
        ({"consent": {"ad_personalization": "GRANTED", "ad_user_data": "DENIED"}}, True),
        ({"consent": {"ad_personalization": "DENIED"}}, False),
        ({"non_personalized_ads": True}, False),
        ({"non_personalized_ads": False}, True),
        ({"consent": "DENIED"}, True),
    ],
)
def test_who_denied_personalization_is_left_alone(said: dict[str, Any], kept: bool) -> None:
    parts = parts_of({**REQUEST, **said})
    for part in parts:
        if kept:
            call_of(part, MESSAGE)
        else:
            with pytest.raises(EventRejected) as refused:
                call_of(part, MESSAGE)
            assert refused.value.code == "no_consent"


def test_a_view_of_a_page(client: Client, server: Source) -> None:
    request(client, replace(COLLECT, body={"client_id": "1.2", "events": [VIEW]}))
    drain()
    event = Event.objects.get()
    assert (event.type, event.name) == ("page", "Page Viewed")
    assert event.properties == {
        "url": "https://shop.example/shoes?utm_medium=mail",
        "path": "/shoes",
        "search": "?utm_medium=mail",
        "title": "Shoes",
        "referrer": "https://search.example/",
        "theme": "dark",
    }
    assert event.context["campaign"] == {"medium": "mail"}


def test_a_view_of_a_screen() -> None:
    made = call("screen_view", {"screen_name": "Cart"})
    arrival = read_event(made, sender=SENDER)
    assert (arrival.type, arrival.properties["name"]) == ("screen", "Cart")


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("view_item", "Product Viewed"),
        ("view_item_list", "Product List Viewed"),
        ("select_item", "Product Clicked"),
        ("add_to_cart", "Product Added"),
        ("remove_from_cart", "Product Removed"),
        ("view_cart", "Cart Viewed"),
        ("add_to_wishlist", "Product Added to Wishlist"),
        ("begin_checkout", "Checkout Started"),
        ("add_shipping_info", "Checkout Step Completed"),
        ("add_payment_info", "Payment Info Entered"),
        ("purchase", "Order Completed"),
        ("refund", "Order Refunded"),
        ("view_promotion", "Promotion Viewed"),
        ("select_promotion", "Promotion Clicked"),
        ("search", "Products Searched"),
        ("view_search_results", "Products Searched"),
        ("sign_up", "Signed Up"),
        ("login", "Signed In"),
        ("scroll", "Scroll Depth Reached"),
        ("user_engagement", "Engaged"),
        ("tutorial_begin", "tutorial_begin"),
    ],
)
def test_recommended_events_have_names_in_our_spec(name: str, event: str) -> None:
    assert call(name)["event"] == event


def test_an_order_has_a_revenue_and_a_total() -> None:
    params = {"transaction_id": "T1", "value": 59.9, "shipping": "4.9", "tax": None, "coupon": "X"}
    assert in_our_terms("purchase", params) == {
        "order_id": "T1",
        "revenue": 59.9,
        "total": 64.8,
        "value": 59.9,
        "shipping": "4.9",
        "tax": None,
        "coupon": "X",
    }
    stated = in_our_terms("purchase", {"value": 1, "tax": 1, "total": 3, "revenue": 4})
    assert (stated["total"], stated["revenue"]) == (3, 4), "what is stated stands"
    assert "total" not in in_our_terms("purchase", {"value": "a lot"})


@pytest.mark.parametrize(
    ("name", "params", "properties"),
    [
        ("search", {"search_term": "boots"}, {"query": "boots"}),
        (
            "view_item_list",
            {"item_list_id": "L", "item_list_name": "Boots", "items": []},
            {"list_id": "L", "category": "Boots", "products": []},
        ),
        ("scroll", {"percent_scrolled": 90}, {"percent": 90}),
        ("add_payment_info", {"payment_type": "card"}, {"payment_method": "card"}),
        ("view_item", {"items": "odd"}, {"items": "odd"}),
        ("view_item", {"items": ["odd"]}, {"items": ["odd"]}),
        ("my_own", {"search_term": "boots"}, {"search_term": "boots"}),
        (
            "view_item",
            {"items": [{"item_id": "1", "index": 2}, {"item_id": "2"}], "product_id": "mine"},
            {
                "product_id": "mine",
                "position": 2,
                "products": [{"product_id": "1", "position": 2}, {"product_id": "2"}],
            },
        ),
    ],
)
def test_parameters_have_names_in_our_spec(
    name: str, params: dict[str, Any], properties: dict[str, Any]
) -> None:
    assert in_our_terms(name, params) == properties


@pytest.mark.parametrize(
    ("milliseconds", "properties"), [(6129, {"seconds": 6.129}), ("soon", {}), (None, {})]
)
def test_engagement_is_told_in_seconds(milliseconds: Any, properties: dict[str, Any]) -> None:
    made = call("user_engagement", {"engagement_time_msec": milliseconds})
    assert made["properties"] == properties


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"params": {}}, "missing_event"),
        ({"name": 17}, "missing_event"),
        ({"name": "E", "params": []}, "invalid_event"),
        ("text", "invalid_event"),
        ({"name": "E", "timestamp_micros": "soon"}, "invalid_timestamp"),
        ({"name": "E", "timestamp_micros": 10**30}, "invalid_timestamp"),
    ],
)
def test_what_is_no_event_is_refused(event: Any, code: str) -> None:
    with pytest.raises(EventRejected) as refused:
        calls({"client_id": "1", "events": [event]})
    assert refused.value.code == code


def test_an_app_has_an_id_of_its_own() -> None:
    (made,) = calls({"app_instance_id": "f00", "events": [{"name": "E"}]})
    assert made["anonymousId"] == "f00"


@pytest.mark.parametrize(
    "body", [{}, {"events": "E"}, {"events": None, "user_properties": []}, {**REQUEST, "events": 1}]
)
def test_a_request_has_events_or_user_properties(body: dict[str, Any]) -> None:
    with pytest.raises(RequestRejected) as refused:
        parts_of(body)
    assert refused.value.code == "missing_batch"


# -- answers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"body": b"{"}, "invalid_json"),
        ({"body": {}}, "missing_batch"),
        ({"query": {"api_secret": "nobody's"}}, "invalid_write_key"),
        ({"query": {}}, "invalid_write_key"),
    ],
)
def test_a_request_that_is_not_taken_is_told_with_200(
    client: Client, server: Source, changes: dict[str, Any], code: str
) -> None:
    response = request(client, replace(COLLECT, **changes))
    assert (response.status_code, response.json()["code"]) == (200, code)
    assert drain() == 0


def test_events_that_are_not_taken_are_named(client: Client, server: Source) -> None:
    body = {"client_id": "1", "events": [{"name": "E"}, {"params": {}}]}
    response = request(client, replace(COLLECT, body=body))
    assert response.status_code == 200
    answer = response.json()
    assert answer["accepted"] == 1
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [(1, "missing_event")]


def test_what_may_be_sent_again_is_not_called_accepted() -> None:
    answer = GoogleAnalytics().refuse(TooMany(retry_after=3), MESSAGE)
    assert (answer.status, answer.headers) == (429, {"Retry-After": "3"})


def test_the_key_may_have_our_name() -> None:
    message = Message(call="collect", query={"writeKey": "K"}, body=json.dumps(REQUEST).encode())
    assert "K" in GoogleAnalytics().open(message).keys


# -- the debug address ----------------------------------------------------------------


def validated(client: Client, body: Any) -> list[tuple[str, str]]:
    response = request(client, replace(DEBUG, body=body))
    assert response.status_code == 200
    messages = response.json()["validationMessages"]
    assert all(message["description"] for message in messages)
    return [(message["fieldPath"], message["validationCode"]) for message in messages]


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (REQUEST, []),
        (POSTPONED, []),
        ({"events": [ADDED]}, [("client_id", "VALUE_REQUIRED")]),
        ({**REQUEST, "events": [ADDED] * 26}, [("events", "EXCEEDED_MAX_ENTITIES")]),
        ({**REQUEST, "events": [{"name": "_bad"}]}, [("events", "NAME_INVALID")]),
        ({**REQUEST, "events": [{"name": "a b"}]}, [("events", "NAME_INVALID")]),
        ({**REQUEST, "events": [{"name": "x" * 41}]}, [("events", "NAME_INVALID")]),
        ({**REQUEST, "events": [{"params": {}}]}, [("events", "VALUE_INVALID")]),
        ({**REQUEST, "user_properties": {"a": {"value": float("nan")}}}, [("user_properties", "VALUE_INVALID")]),
        ({"client_id": "1"}, [("", "VALUE_INVALID")]),
        (b"{", [("", "VALUE_INVALID")]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_and_nothing_is_kept(
    client: Client, body: Any, messages: list[tuple[str, str]]
) -> None:
    # Without the database: what is sent here is looked at, not kept.
    assert validated(client, body) == messages


def test_a_complaint_names_the_event(client: Client) -> None:
    body = {**REQUEST, "events": [ADDED, {"name": "_bad"}]}
    response = request(client, replace(DEBUG, body=body))
    (message,) = response.json()["validationMessages"]
    assert message["description"] == "Event at index: [1] has invalid name [_bad]."
