"""Which pages may send, and what their browsers are told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client

from personalization.events.models import BufferedBatch, Source
from personalization.ingest.adapter import adapters
from personalization.ingest.routes import find_protocols
from tests.ingest.sending import post, problem, track

pytestmark = pytest.mark.django_db

SHOP = "https://shop.example"
OWN = "http://testserver"
BODY = json.dumps({"batch": [track(userId=..., anonymousId="a1")]})
CORS = "Access-Control-"


def addresses() -> list[str]:
    """Return an address of every route of every protocol."""
    find_protocols()
    paths = [route.path for _, adapter in adapters.items() for route in adapter.routes]
    return [re.sub(r"\(\?P<\w+>[^)]*\)", "anything", path).replace("\\", "") for path in paths]


def ask(client: Client, origin: str | None, *, path: str = "v1/batch", **asked: str) -> Any:
    """Send a preflight as browsers do."""
    headers = {"access-control-request-method": "POST"}
    headers |= {} if origin is None else {"origin": origin}
    headers |= {name.replace("_", "-"): value for name, value in asked.items()}
    return client.options(f"/p/{path}", headers=headers)


def send(client: Client, origin: str | None, *, key: str = "browser-key", **more: str) -> Any:
    headers = {} if origin is None else {"HTTP_ORIGIN": origin}
    return post(client, BODY, key=key, **headers, **more)


def told(response: HttpResponse) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith(CORS)}


@pytest.fixture
def shop(make_source: Callable[..., Source]) -> Source:
    return make_source(kind="browser", write_key="browser-key", allowed_origins=SHOP)


# -- preflight ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", addresses())
def test_every_address_answers_a_browser_that_asks_first(
    client: Client, shop: Source, settings: Any, path: str
) -> None:
    settings.PERSONALIZATION_PROTOCOLS = adapters.names()
    response = ask(client, SHOP, path=path, access_control_request_headers="authorization")
    assert response.status_code == 204
    assert response.content == b""
    assert response.headers["Vary"] == "Origin"
    assert told(response) == {
        f"{CORS}Allow-Origin": SHOP,
        f"{CORS}Allow-Credentials": "true",
        f"{CORS}Allow-Methods": "GET, POST",
        f"{CORS}Allow-Headers": "authorization",
        f"{CORS}Max-Age": "7200",
    }


def test_a_protocol_that_is_off_answers_nobody(client: Client, shop: Source, settings: Any) -> None:
    settings.PERSONALIZATION_PROTOCOLS = ()
    assert ask(client, SHOP).status_code == 404


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://shop.example", "null", "*", "nonsense"]
)
def test_pages_of_other_sites_are_not_let_in(client: Client, shop: Source, origin: str) -> None:
    response = ask(client, origin)
    assert response.status_code == 403
    assert problem(response) == "origin_not_allowed"
    assert told(response) == {}
    assert response.headers["Vary"] == "Origin"


def test_an_origin_without_end_is_not_repeated_to_its_end(client: Client, shop: Source) -> None:
    assert len(ask(client, f"https://{'a' * 50_000}.example").content) < 1000


def test_whoever_asks_without_an_origin_is_no_page(client: Client, shop: Source) -> None:
    response = ask(client, None)
    assert response.status_code == 204
    assert told(response) == {}


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({}, True),
        ({"active": False}, False),
        ({"kind": "server"}, False),
        ({"allowed_origins": ""}, False),
        ({"allowed_origins": "https://*.example"}, False),
        ({"allowed_origins": "https://other.example\nhttps://shop.example:443"}, True),
    ],
)
def test_any_active_source_for_browsers_may_allow_it(
    client: Client, make_source: Callable[..., Source], fields: dict[str, Any], allowed: bool
) -> None:
    make_source(kind="browser", allowed_origins="https://first.example")
    make_source(**{"kind": "browser", "allowed_origins": SHOP, **fields})
    assert (ask(client, SHOP).status_code == 204) is allowed


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("", ""),
        ("authorization", "authorization"),
        ("content-type,x-write-key", "content-type, x-write-key"),
        ("anonymousid,authorization,content-type,sentat",
         "anonymousid, authorization, content-type, sentat"),
        ("Authorization , PREFER", "authorization, prefer"),
        ("x-personalization-test, ce-id", "ce-id, x-personalization-test"),
        ("cookie, x-forwarded-for, x-csrftoken", ""),
        ("x-personalization-a:b, ce-é, x-personalization-\tb", ""),
        ("prefer," * 5000, "prefer"),
    ],
)  # fmt: skip
def test_only_known_headers_are_let_through(
    client: Client, shop: Source, asked: str, answered: str
) -> None:
    response = ask(client, SHOP, access_control_request_headers=asked)
    assert response.headers[f"{CORS}Allow-Headers"] == answered


def test_preflights_do_not_ask_the_database_each_time(
    client: Client, shop: Source, django_assert_num_queries: Any
) -> None:
    ask(client, SHOP)
    with django_assert_num_queries(0):
        assert [ask(client, SHOP).status_code for _ in range(3)] == [204] * 3


def test_a_list_that_is_changed_counts_at_once_here(client: Client, shop: Source) -> None:
    assert ask(client, SHOP).status_code == 204
    shop.allowed_origins = "https://other.example"
    shop.save()
    assert ask(client, SHOP).status_code == 403
    shop.delete()
    assert ask(client, "https://other.example").status_code == 403


def test_what_was_known_last_holds_while_the_database_is_away(
    client: Client, shop: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    from personalization.ingest import origins

    def down(*args: Any) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    with connection.execute_wrapper(down):
        assert ask(client, SHOP).status_code == 403
    assert ask(client, SHOP).status_code == 204
    monkeypatch.setattr(origins, "FRESH", origins.timedelta(0))
    with connection.execute_wrapper(down):
        assert ask(client, SHOP).status_code == 204


# -- the request itself -------------------------------------------------------------------------


READABLE = {
    f"{CORS}Allow-Origin": SHOP,
    f"{CORS}Allow-Credentials": "true",
    f"{CORS}Expose-Headers": (
        "Preference-Applied, Retry-After, X-Plausible-Dropped, X-RateLimit-Reset"
    ),
}


def test_a_page_on_the_list_sends_and_reads_the_answer(client: Client, shop: Source) -> None:
    response = send(client, SHOP)
    assert response.status_code == 200
    assert told(response) == READABLE
    assert response.headers["Vary"] == "Origin"


def test_a_page_of_the_site_itself_needs_no_list(client: Client, browser: Source) -> None:
    assert send(client, OWN).status_code == 200
    assert send(client, "http://testserver:80").status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://testserver", "http://testserver:8000", "null", "é", "*"],
)
def test_a_page_of_another_site_is_refused(client: Client, shop: Source, origin: str) -> None:
    response = send(client, origin)
    assert response.status_code == 403
    assert problem(response) == "origin_not_allowed"
    assert told(response) == {}
    assert response.headers["Vary"] == "Origin"
    assert not BufferedBatch.objects.exists()


def test_the_list_of_another_source_does_not_help(
    client: Client, shop: Source, make_source: Callable[..., Source]
) -> None:
    make_source(kind="browser", write_key="other-key", allowed_origins="https://other.example")
    assert send(client, SHOP, key="other-key").status_code == 403
    assert send(client, "https://other.example", key="browser-key").status_code == 403


def test_who_is_no_page_needs_only_the_key(client: Client, shop: Source) -> None:
    response = send(client, None)
    assert response.status_code == 200
    assert told(response) == {}
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", [SHOP, OWN, "https://evil.example"])
def test_for_a_server_an_origin_means_nothing_and_no_page_reads_the_answer(
    client: Client, make_source: Callable[..., Source], origin: str
) -> None:
    make_source(kind="server", write_key="server-key", allowed_origins=SHOP)
    response = send(client, origin, key="server-key")
    assert response.status_code == 200
    assert told(response) == {}


@pytest.mark.parametrize(
    ("fetch_site", "status"),
    [("same-origin", 200), ("same-site", 403), ("cross-site", 403), ("none", 403), ("", 403)],
)
@pytest.mark.parametrize("origin", ["https://testserver", "null"])
def test_browsers_say_themselves_whether_the_page_is_ours(
    client: Client, browser: Source, origin: str, fetch_site: str, status: int
) -> None:
    """Also behind a proxy that ends TLS untold, and where a policy hides the origin."""
    assert send(client, origin, HTTP_SEC_FETCH_SITE=fetch_site).status_code == status


@pytest.mark.parametrize(
    ("body", "key", "status"),
    [
        ("{", "browser-key", 400),
        (BODY, "nobodys", 401),
        ("x" * 600_000, "browser-key", 413),
        ('{"batch": 7}', "browser-key", 400),
    ],
)
def test_errors_can_be_read_too(
    client: Client, shop: Source, body: str, key: str, status: int
) -> None:
    """A page that cannot read them takes them for a broken line, and sends for ever."""
    response = post(client, body, key=key, HTTP_ORIGIN=SHOP)
    assert response.status_code == status
    assert told(response) == READABLE
    assert told(post(client, body, key=key, HTTP_ORIGIN="https://evil.example")) == {}


def test_too_many_requests_can_be_read_too(client: Client, shop: Source) -> None:
    shop.rate_limit = 0
    shop.save()
    response = send(client, SHOP)
    assert response.status_code == 429
    assert told(response) == READABLE


def test_a_database_that_is_down_can_be_read_too(client: Client, shop: Source) -> None:
    def down(*args: Any) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    ask(client, SHOP)
    with connection.execute_wrapper(down):
        response = send(client, SHOP)
    assert response.status_code == 503
    assert told(response) == READABLE


def test_a_host_that_is_not_ours_is_no_site_of_ours(
    client: Client, browser: Source, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["shop.example"]
    settings.MIDDLEWARE = []
    response = send(client, "http://evil.example", HTTP_HOST="evil.example")
    assert response.status_code == 403
