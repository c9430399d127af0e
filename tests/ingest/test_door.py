"""What somebody may try who means harm, at every address of the ingest endpoint."""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.test import Client

from personalization.events.models import BufferedBatch, Source
from personalization.ingest.adapter import Route, adapters
from personalization.ingest.routes import find_protocols
from tests.ingest.sending import post, problem, track

pytestmark = pytest.mark.django_db

BODY = json.dumps({"batch": [track()]})
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW")
EVIL = "</script><script>alert(1)</script>'\"\\\r\n\u2028\x00${x}{{y}}"


def routes() -> list[Route]:
    find_protocols()
    return [route for _, adapter in adapters.items() for route in adapter.routes]


def address(route: Route, key: str = "anything") -> str:
    return "/p/" + re.sub(r"\(\?P<\w+>[^)]*\)", key, route.path).replace("\\", "")


ROUTES = [pytest.param(route, id=route.path) for route in routes()]
DOCUMENTS = [pytest.param(route, id=route.path) for route in routes() if route.document]


@pytest.fixture(autouse=True)
def all_protocols(settings: Any) -> None:
    """Every protocol, and Django's own page for addresses that there are not."""
    settings.PERSONALIZATION_PROTOCOLS = adapters.names()
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]


def careful(response: HttpResponse) -> None:
    """Look at what every answer must have."""
    assert "no-store" in response.headers["Cache-Control"]
    assert "private" in response.headers["Cache-Control"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Origin" in response.headers["Vary"]
    assert "Set-Cookie" not in response.headers


# -- methods ------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES)
def test_other_methods_are_refused_in_json_with_what_is_allowed(
    client: Client, route: Route
) -> None:
    for method in METHODS:
        response = client.generic(method, address(route))
        careful(response)
        if method in route.methods:
            assert response.status_code != 405
            continue
        assert response.status_code == 405, method
        assert response.headers["Allow"] == ", ".join((*route.methods, "OPTIONS"))
        if method != "HEAD":
            assert problem(response) == "method_not_allowed"


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_no_header_makes_one_method_another(client: Client, server: Source, name: str) -> None:
    path = "/p/v1/batch?writeKey=server-key"
    got = client.generic("GET", path, BODY, "application/json", headers={name: "POST"})
    assert got.status_code == 405
    sent = client.generic("POST", path, BODY, "application/json", headers={name: "GET"})
    assert sent.json()["accepted"] == 1


# -- answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"batch": 7}', BODY])
def test_no_answer_is_kept_sniffed_or_mixed_up(
    client: Client, server: Source, route: Route, body: str
) -> None:
    for key in ("server-key", "nobodys"):
        where = f"{address(route)}?writeKey={key}"
        response = client.generic(route.methods[0], where, body, "application/json")
        careful(response)
        assert response.status_code < 500
        kind = response.headers["Content-Type"]
        assert kind in ("application/json", "image/gif", "text/plain", "text/javascript")
        if response.status_code >= 400:
            problem(response)


@pytest.mark.parametrize("route", DOCUMENTS)
def test_a_key_in_a_document_is_a_text_in_it(client: Client, route: Route) -> None:
    key = EVIL.replace("/", "")  # which ends a part of a path
    method = route.methods[0]
    response = client.generic(method, f"{address(route, quote(key))}?writeKey={quote(key)}", "{}")
    careful(response)
    if response.status_code == 404:
        return
    text = response.content.decode()
    if response.headers["Content-Type"] == "text/javascript":
        assert "<" not in text
        assert not set("\r\u2028\x00") & set(text)
        [(entry,)] = (re.findall(r"^\S+ = Object\.assign\(\S+ \|\| \{\}, (\{.*\})\);\n$", text),)
        text = entry
    assert response.headers["Content-Type"] in ("application/json", "text/javascript")
    json.loads(text)


@pytest.mark.parametrize("route", DOCUMENTS)
@pytest.mark.parametrize(
    "key", ["..", "..%2f..%2fadmin", "%2e%2e", "..%5c..", "%00", "x%2fsettings", "@evil.example"]
)
def test_no_key_changes_where_a_document_sends_clients(
    client: Client, route: Route, key: str
) -> None:
    response = client.generic(route.methods[0], address(route, key), "{}")
    assert response.status_code in (200, 404)
    if response.status_code == 200:
        found = re.findall(r'"apiHost":"([^"]*)"', response.content.decode())
        assert set(found) <= {"testserver/p/v1"}


def test_a_document_names_no_host_that_is_not_ours(client: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["shop.example"]
    settings.MIDDLEWARE = []
    where = "/p/v1/projects/key/settings"
    good = client.get(where, HTTP_HOST="shop.example", HTTP_X_FORWARDED_HOST="evil.example")
    assert good.json()["integrations"]["Segment.io"]["apiHost"] == "shop.example/p/v1"
    response = client.get(where, HTTP_HOST="evil.example")
    assert response.status_code == 400
    careful(response)
    problem(response)


# -- headers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "https://shop.example\r\nSet-Cookie: a=b",
        "https://shop.example\n",
        "\x00",
        "é" * 50,
        "\ud800",
    ],
)
@pytest.mark.parametrize(
    "name", ["ORIGIN", "ACCESS_CONTROL_REQUEST_HEADERS", "PREFER", "CONTENT_ENCODING", "USER_AGENT",
             "X_FORWARDED_FOR", "ANONYMOUSID", "TRANSFER_ENCODING", "SEC_FETCH_SITE"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_no_header_of_a_request_writes_one_of_the_answer(
    client: Client, make_source: Callable[..., Source], method: str, name: str, value: str
) -> None:
    make_source(kind="browser", write_key="browser-key", allowed_origins="https://shop.example")
    where = "/p/v1/batch?writeKey=browser-key"
    response = client.generic(method, where, BODY, "application/json", **{f"HTTP_{name}": value})
    assert response.status_code < 500
    assert "Set-Cookie" not in response.headers
    for stated in response.headers.values():
        assert stated.isprintable()
        assert "Set-Cookie" not in stated


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_AUTHORIZATION": "Basic " + "A" * 4_000_000},
        {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"k" * 1_000_000).decode()},
        {"HTTP_AUTHORIZATION": "Bearer " + "k" * 1_000_000},
        {"HTTP_AUTHORIZATION": "Basic" + " " * 1_000_000},
        {"HTTP_X_FORWARDED_FOR": "1.1.1.1," * 200_000},
        {"HTTP_CONTENT_ENCODING": "gzip," * 200_000},
        {"HTTP_PREFER": "return=representation," * 50_000},
        {"HTTP_ORIGIN": "https://" + "a." * 500_000 + "example"},
        {"HTTP_COOKIE": "pz_id=" + "x" * 1_000_000},
        {"CONTENT_TYPE": "application/json; " + "a=b; " * 100_000},
    ],
    ids=lambda headers: next(iter(headers)) if isinstance(headers, dict) else None,
)
def test_headers_without_end_are_answered_shortly(
    client: Client, browser: Source, headers: dict[str, str]
) -> None:
    try:
        response = client.generic("POST", "/p/v1/batch", '{"batch": []}', **headers)
    except (BadRequest, ValueError):  # from Django itself, before there is a request
        assert "CONTENT_TYPE" in headers
        return
    assert response.status_code in (401, 403)
    assert len(response.content) < 1000


# -- logs and caches ----------------------------------------------------------------------------


def test_nothing_that_is_sent_ends_a_line_of_the_log(
    client: Client, server: Source, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    evil = "a\r\nERROR root: all is lost\x1b[31m"
    event = track(event=evil, userId=evil, properties={evil: evil}, messageId=evil, type=evil)
    for key in ("server-key", quote(evil)):
        post(client, json.dumps({"batch": [event], "writeKey": evil}), key=key, HTTP_ORIGIN=evil)
        post(client, evil, key=key, HTTP_AUTHORIZATION=evil)
    client.get(f"/p/v1/projects/{quote(evil)}/settings")
    client.post(f"/p/v1/{quote(evil)}")
    client.get(f"/p/v1/batch/{quote(evil)}")
    for record in caplog.records:
        assert record.getMessage().isprintable(), record


def test_a_key_is_in_none_of_our_own_messages(
    client: Client, server: Source, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.rate_limit = 0
    server.save()
    for body in (BODY, "{", '{"batch": 7}'):
        response = post(client, body)
        assert b"server-key" not in response.content
        assert "server-key" not in str(response.headers)
    assert b"guess" not in post(client, BODY, key="guess").content
    texts = [record.getMessage() for record in caplog.records if "sql" not in record.__dict__]
    assert not [text for text in texts if "server-key" in text or "guess" in text]


def test_a_picture_that_is_asked_for_again_is_counted_again(
    client: Client, server: Source, settings: Any
) -> None:
    """Under the cache of a whole site, too: an answer from there would bring no event."""
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:1],
        "django.middleware.cache.UpdateCacheMiddleware",
        *settings.MIDDLEWARE[1:],
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    for _ in range(3):
        assert client.get("/p/pixel/v1/track?writeKey=server-key&event=E&userId=u").content
    assert BufferedBatch.objects.count() == 3


def test_a_site_of_another_origin_does_not_get_the_answer_of_one_that_may(
    client: Client, make_source: Callable[..., Source]
) -> None:
    make_source(kind="browser", allowed_origins="https://shop.example")
    where = "/p/v1/projects/key/settings"
    for origin, allowed in [("https://shop.example", True), ("https://evil.example", False)] * 2:
        response = client.get(where, HTTP_ORIGIN=origin)
        careful(response)
        assert ("Access-Control-Allow-Origin" in response.headers) is allowed
