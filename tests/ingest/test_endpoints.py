from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.test import Client

from personalization.events.models import BufferedBatch, Event, Source
from personalization.testing import drain
from tests.ingest.sending import post, problem, send, track

pytestmark = pytest.mark.django_db

CALLS: dict[str, dict[str, Any]] = {
    "track": {"event": "Product Added"},
    "identify": {"traits": {"plan": "pro"}},
    "page": {"name": "Home", "properties": {"path": "/"}},
    "screen": {"name": "Start"},
    "group": {"groupId": "g1", "traits": {"size": 3}},
    "alias": {"previousId": "a1"},
}
NAMES = {
    "track": "Product Added",
    "identify": "Identified",
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "group": "Grouped",
    "alias": "Aliased",
}
PATHS = [f"{name}{slash}" for name in ("batch", "import", *CALLS) for slash in ("", "/")]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("kind", list(CALLS))
def test_a_single_call_is_stored(client: Client, server: Source, kind: str, slash: str) -> None:
    body = {"userId": "u1", "messageId": "m1", **CALLS[kind]}
    response = post(client, json.dumps(body), path=kind + slash)
    assert response.status_code == 200
    assert response.json() == {"success": True, "accepted": 1, "rejected": []}
    drain()
    event = Event.objects.get()
    assert (event.type, event.name, event.message_id) == (kind, NAMES[kind], "m1")
    assert (event.identity.namespace, event.identity.value) == ("user", "u1")


@pytest.mark.parametrize("path", ["batch", "batch/", "import", "import/"])
def test_a_batch_of_every_type_is_stored(client: Client, server: Source, path: str) -> None:
    batch = [{"type": kind, "userId": "u1", **fields} for kind, fields in CALLS.items()]
    response = post(client, json.dumps({"batch": batch}), path=path)
    assert response.json() == {"success": True, "accepted": 6, "rejected": []}
    drain()
    assert set(Event.objects.values_list("name", flat=True)) == set(NAMES.values())


def test_an_empty_batch_is_fine_and_leaves_nothing(client: Client, server: Source) -> None:
    assert send(client) == {"success": True, "accepted": 0, "rejected": []}
    assert not BufferedBatch.objects.exists()


@pytest.mark.parametrize("path", PATHS)
def test_no_address_redirects(client: Client, server: Source, path: str) -> None:
    assert post(client, "{}", path=path).status_code == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_refused(client: Client, path: str, method: str) -> None:
    response = client.generic(method, f"/p/v1/{path}")
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    if method != "HEAD":
        assert problem(response) == "method_not_allowed"


def _basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    "authorization",
    [
        _basic("server-key:"),
        _basic("server-key"),
        _basic("server-key:ignored"),
        _basic("server-key:").replace("Basic", "basic"),
        "Bearer server-key",
        "bearer  server-key ",
    ],
)
def test_the_key_may_be_in_a_header(client: Client, server: Source, authorization: str) -> None:
    body = json.dumps({"batch": [track()]})
    response = client.post(
        "/p/v1/batch", body, "application/json", headers={"authorization": authorization}
    )
    assert response.json()["accepted"] == 1


def test_the_key_may_be_in_the_body(client: Client, server: Source) -> None:
    body = {"batch": [track()], "writeKey": "server-key"}
    response = client.post("/p/v1/batch", json.dumps(body), "text/plain")
    assert response.json()["accepted"] == 1


def test_the_key_in_the_body_wins_over_the_password_of_a_staging_site(
    client: Client, server: Source
) -> None:
    body = {"batch": [track()], "writeKey": "server-key"}
    headers = {"authorization": _basic("staging:secret")}
    response = client.post("/p/v1/batch", json.dumps(body), "application/json", headers=headers)
    assert response.json()["accepted"] == 1


@pytest.mark.parametrize(
    ("path", "body", "authorization"),
    [
        ("batch", {}, ""),
        ("batch", {"writeKey": "nobody's"}, ""),
        ("batch", {"writeKey": ["server-key"]}, ""),
        ("batch", {"writeKey": {"server-key": 1}}, ""),
        ("batch", {"writeKey": None}, ""),
        ("batch", {"writeKey": 17}, ""),
        ("batch", {"writeKey": "\x00"}, ""),
        ("batch", {"writeKey": "\ud800"}, ""),
        ("batch", {"writeKey": "x" * 100_000}, ""),
        ("batch?writeKey=nobody's", {}, ""),
        ("batch?writeKey=%00", {}, ""),
        ("batch?writeKey=%ff", {}, ""),
        ("batch", {}, "Basic"),
        ("batch", {}, "Basic !!!"),
        ("batch", {}, "Basic é"),
        ("batch", {}, "Basic " + base64.b64encode(b"\xff\xfe:").decode()),
        ("batch", {}, _basic("")),
        ("batch", {}, "Bearer"),
        ("batch", {}, "Bearer nobody's"),
        ("batch", {}, "Digest server-key"),
        ("track", {"event": "E", "userId": "u"}, ""),
    ],
)
def test_a_wrong_key_is_told_for_good(
    client: Client, server: Source, path: str, body: dict[str, Any], authorization: str
) -> None:
    response = client.post(
        f"/p/v1/{path}",
        json.dumps({"batch": [track()], **body}),
        "application/json",
        **({"HTTP_AUTHORIZATION": authorization} if authorization else {}),
    )
    assert response.status_code == 401
    assert problem(response) == "invalid_write_key"
    assert not BufferedBatch.objects.exists()


def test_the_key_of_a_source_that_is_switched_off_is_wrong(client: Client, server: Source) -> None:
    Source.objects.update(active=False)
    assert post(client, json.dumps({"batch": [track()]})).status_code == 401


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", "", "*/*"])
def test_the_answer_is_json_whatever_the_client_accepts(
    client: Client, server: Source, accept: str
) -> None:
    response = post(client, json.dumps({"batch": [track()]}), HTTP_ACCEPT=accept)
    assert response.status_code == 200
    assert response.json()["accepted"] == 1
    assert problem(post(client, "{", HTTP_ACCEPT=accept)) == "invalid_json"


def test_a_format_in_the_query_changes_nothing(client: Client, server: Source) -> None:
    response = post(client, json.dumps({"batch": [track()]}), key="server-key&format=xml")
    assert response.json()["accepted"] == 1


def test_the_defaults_of_the_sites_own_api_do_not_apply(
    client: Client, server: Source, settings: Any
) -> None:
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.BasicAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
        "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
        "DEFAULT_THROTTLE_RATES": {"anon": "1/day"},
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.BrowsableAPIRenderer"],
        "EXCEPTION_HANDLER": "nowhere.to.be.found",
    }
    for _ in range(3):
        assert send(client, track())["accepted"] == 1
    assert problem(post(client, "{")) == "invalid_json"


def test_a_query_of_thousands_of_fields_is_refused(client: Client, server: Source) -> None:
    body = json.dumps({"batch": [track()]})
    response = post(client, body, key="&".join(f"a{n}=1" for n in range(2000)))
    assert response.status_code == 400
    assert problem(response) == "invalid_request"


@pytest.mark.parametrize("body", ["[]", "17", '"text"', "null", "true"])
def test_a_body_that_is_no_object_is_refused(client: Client, server: Source, body: str) -> None:
    response = post(client, body)
    assert response.status_code == 400
    assert problem(response) == "invalid_json"


@pytest.mark.parametrize("batch", ["missing", None, {}, "text", 17, True])
def test_a_batch_without_a_list_is_refused(client: Client, server: Source, batch: Any) -> None:
    body = {} if batch == "missing" else {"batch": batch}
    response = post(client, json.dumps(body))
    assert response.status_code == 400
    assert problem(response) == "missing_batch"


@pytest.mark.parametrize(("path", "kind"), [(kind[0], kind) for kind in CALLS])
def test_the_short_names_of_the_browser_library_mean_the_same(
    client: Client, server: Source, path: str, kind: str
) -> None:
    body = {"userId": "u1", "messageId": "m1", "writeKey": "server-key", **CALLS[kind]}
    response = client.generic("POST", f"/p/v1/{path}", json.dumps(body), content_type="text/plain")
    assert response.json() == {"success": True, "accepted": 1, "rejected": []}
    drain()
    assert Event.objects.get().type == kind


def test_a_short_batch_is_a_batch(client: Client, server: Source) -> None:
    response = post(client, json.dumps({"batch": [track(), track()]}), path="b")
    assert response.json()["accepted"] == 2


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_browser_library_is_told_where_to_send(client: Client, slash: str) -> None:
    """As Segment's library reads it; it asks before anybody has a key to show."""
    path = f"/p/v1/projects/the-key/settings{slash}"
    response = client.get(path, headers={"host": "shop.example"}, secure=True)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    settings = response.json()
    assert settings["integrations"] == {
        "Segment.io": {
            "apiKey": "the-key", "apiHost": "shop.example/p/v1", "protocol": "https",
        }
    }  # fmt: skip
    assert settings["plan"]["track"]["__default"]["enabled"] is True


def test_a_protocol_that_is_off_is_not_there(client: Client, server: Source, settings: Any) -> None:
    settings.PERSONALIZATION_PROTOCOLS = ()
    for method, path in (("POST", "/p/v1/batch"), ("GET", "/p/v1/projects/k/settings")):
        response = client.generic(method, path, b"{}")
        assert response.status_code == 404
        assert problem(response) == "not_found"
