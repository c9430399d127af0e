"""No address and no exact browser gets further than the door, whichever client sends them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.test import Client

from personalization.events.models import Event, Source
from personalization.ingest.minimise import ADDRESSES, AGENTS, HINTS, kept_context
from personalization.ingest.models import DeadLetter
from personalization.testing import drain
from tests.ingest.sending import consent, post, send, track
from tests.ingest.test_reduce import CHROME, REDUCED
from tests.ingest.test_reduce import HINTS as STATED

ADDRESS = "93.184.216.34"
EXACT = "140.0.7339.128"


def kept() -> list[str]:
    """Return in which tables of the app an address or an exact browser is."""
    models = apps.get_app_config("personalization").get_models()
    rows = {model.__name__: str(list(model._default_manager.values())) for model in models}
    return [name for name, text in rows.items() if ADDRESS in text or EXACT in text]


# -- the context -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_an_address_is_left_out_by_each_of_its_names(name: str) -> None:
    context = {name: ADDRESS, "device": {name: ADDRESS, "type": "ios"}, "locale": "de"}
    assert kept_context(context) == {"device": {"type": "ios"}, "locale": "de"}


@pytest.mark.parametrize("name", sorted(AGENTS))
def test_a_user_agent_is_reduced_by_each_of_its_names(name: str) -> None:
    assert kept_context({name: CHROME}) == {name: REDUCED}
    assert kept_context({name: {"raw": CHROME}}) == {}


@pytest.mark.parametrize("name", sorted(HINTS))
def test_so_are_the_hints(name: str) -> None:
    kept = kept_context({name: STATED})
    assert not {EXACT, "SM-G991B"} & set(str(kept).split("'"))
    assert kept[name]["platform"] == "Android"


def test_all_else_stays_and_the_call_is_not_changed() -> None:
    context = {"app": {"version": "1.2.3.4"}, "page": {"path": "/"}, "nothing": None, "ip": ADDRESS}
    assert kept_context(context) == {name: context[name] for name in ("app", "page", "nothing")}
    assert context["ip"] == ADDRESS


# -- as clients send it -------------------------------------------------------------------------

NAMES: dict[str, Any] = {"context": {"ip": ADDRESS, "userAgent": CHROME, "userAgentData": STATED}}
SINGLE: dict[str, tuple[str, dict[str, Any]]] = {
    "segment": ("/p/v1/track?writeKey=server-key", {**track(), **NAMES}),
    "rudderstack": (
        "/p/beacon/v1/batch?writeKey=server-key",
        {"batch": [{**track(request_ip=ADDRESS), **NAMES}]},
    ),
    "posthog": (
        "/p/capture",
        {
            "api_key": "server-key", "event": "Seen", "distinct_id": "u1",
            "properties": {"$ip": ADDRESS, "$raw_user_agent": CHROME},
        },
    ),
    "umami": (
        "/p/api/send",
        {
            "type": "event",
            "payload": {
                "website": "server-key", "url": "/", "name": "Seen", "ip": ADDRESS,
                "userAgent": CHROME,
            },
        },
    ),
}  # fmt: skip


@pytest.mark.django_db
def test_the_search_for_it_finds_it(server: Source) -> None:
    DeadLetter.objects.create(source=server, body=f"from {ADDRESS}")
    assert kept() == ["DeadLetter"]


@pytest.mark.django_db
@pytest.mark.parametrize("protocol", sorted(SINGLE))
def test_nothing_of_it_is_stored_whatever_the_protocol(
    client: Client, server: Source, settings: Any, protocol: str
) -> None:
    settings.PERSONALIZATION_PROTOCOLS = tuple(SINGLE)
    path, body = SINGLE[protocol]
    response = client.post(path, body, content_type="application/json", REMOTE_ADDR=ADDRESS)
    assert response.status_code == 200, response.content
    assert not kept()
    drain()
    assert Event.objects.get().context["userAgent"] == REDUCED
    assert not kept()


@pytest.mark.django_db
def test_nor_is_it_set_aside(client: Client, browser: Source) -> None:
    consent(client, "analytics")
    call = track(userId=..., timestamp="no", properties={"size": "L"}, **NAMES)
    body = json.dumps({"batch": [call]})
    post(client, body, key="browser-key", REMOTE_ADDR=ADDRESS, HTTP_USER_AGENT=CHROME)
    letter = DeadLetter.objects.get()
    assert letter.sender["agent"]["user_agent"] == REDUCED
    assert json.loads(letter.body)["context"]["userAgent"] == REDUCED
    assert not kept()


@pytest.mark.django_db
def test_of_a_bot_the_name_is_set_aside_by_which_it_was_known(
    client: Client, browser: Source
) -> None:
    consent(client, "analytics")
    body = json.dumps({"batch": [track(userId=...)]})
    post(client, body, key="browser-key", HTTP_USER_AGENT="Googlebot/2.1")
    assert DeadLetter.objects.get().sender["agent"]["user_agent"] == "Googlebot/2.1"


@pytest.mark.django_db
def test_where_nothing_is_to_be_kept_of_browsers_nothing_is(
    client: Client, server: Source, settings: Any
) -> None:
    settings.PERSONALIZATION_USER_AGENT = "none"
    send(client, track(**NAMES))
    drain()
    assert Event.objects.get().context == {}


# -- the cache ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_requests_are_counted_without_an_address_in_the_cache(
    client: Client, browser: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    add = cache.add

    def watched(key: str, *rest: Any) -> bool:
        written.append(key)
        return add(key, *rest)

    monkeypatch.setattr(cache, "add", watched)
    post(client, json.dumps({"batch": [track(userId=...)]}), key="browser-key", REMOTE_ADDR=ADDRESS)
    assert any("address:" in key for key in written)
    assert not any(ADDRESS in key for key in written)
