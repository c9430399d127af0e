"""What is kept of an address and a user agent: little, and only where the site wants it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client, override_settings

from personalization.events.models import Event, Source
from personalization.ingest.network import family, network, prefix, with_network
from personalization.testing import drain
from tests.ingest.sending import consent, post, send, track

WINDOWS, MAC = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)",
)
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"{WINDOWS} {WEBKIT} Chrome/140.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("93.184.216.34", "93.184.216.0/24"),
        ("93.184.216.34:443", "93.184.216.0/24"),
        ("2606:2800:220:1:248:1893:25c8:1946", "2606:2800:220::/48"),
        ("[2606:2800:220:1::1]:443", "2606:2800:220::/48"),
        ("::ffff:93.184.216.34", "93.184.216.0/24"),
        ("192.168.1.5", ""), ("127.0.0.1", ""), ("::1", ""), ("fe80::1", ""),
        ("", ""), ("unix:", ""), ("999.1.1.1", ""), ("x" * 10_000, ""),
    ],
)  # fmt: skip
def test_of_a_public_address_the_network_is_kept(address: str, kept: str) -> None:
    assert prefix(address) == kept


@pytest.mark.parametrize(
    ("user_agent", "kept"),
    [
        (CHROME, "Chrome on Windows"),
        (f"{CHROME} Edg/140.0.0.0", "Edge on Windows"),
        (f"{CHROME} OPR/120.0", "Opera on Windows"),
        (f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (f"Mozilla/5.0 (Linux; Android 15; K) {WEBKIT} Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 CriOS/140 Mobile Safari/604", "Chrome on iOS"),
        ("curl/8.0", ""), ("Windows", ""), ("", ""), ("Firefox/" + "x" * 10_000, ""),
    ],
)  # fmt: skip
def test_of_a_user_agent_the_kind_of_browser_is_kept(user_agent: str, kept: str) -> None:
    assert family(user_agent) == kept


def test_what_is_not_known_is_left_out() -> None:
    assert network("93.184.216.34", None) == {"prefix": "93.184.216.0/24"}
    assert network(None, CHROME) == {"agent": "Chrome on Windows"}
    assert network({}, 5) == {}


@pytest.mark.parametrize(
    "stated", [{"wifi": True, "prefix": "forged", "agent": "forged"}, "wifi", None]
)
def test_only_we_say_from_where(stated: Any) -> None:
    kept = with_network({"locale": "de", "network": stated}, {"prefix": "93.184.216.0/24"})
    wifi = {"wifi": True} if isinstance(stated, dict) else {}
    assert kept == {"locale": "de", "network": {**wifi, "prefix": "93.184.216.0/24"}}


# -- as it is stored -----------------------------------------------------------------------


@pytest.fixture
def browsing(client: Client, browser: Source) -> Callable[..., dict[str, Any]]:
    """Send an event as a visitor's browser does; return the context it is stored with."""

    def browse(**context: Any) -> dict[str, Any]:
        consent(client, "analytics")
        body = {"batch": [track(userId=..., context=context)]}
        address = {"REMOTE_ADDR": "93.184.216.34", "HTTP_USER_AGENT": CHROME}
        assert post(client, json.dumps(body), key="browser-key", **address).status_code == 200
        drain()
        return dict(Event.objects.latest("pk").context)

    return browse


HERE = {"network": {"prefix": "93.184.216.0/24", "agent": "Chrome on Windows"}}


@pytest.mark.django_db
def test_nothing_is_kept_unless_the_site_wants_suggestions(browsing: Any) -> None:
    assert browsing(locale="de") == {"locale": "de"}


@pytest.mark.django_db
@override_settings(PERSONALIZATION_IDENTITY_SUGGESTIONS=True)
def test_of_a_visitor_the_network_is_kept_and_no_address(browsing: Any) -> None:
    assert browsing(locale="de", ip="8.8.8.8") == {"locale": "de", **HERE}
    assert "93.184.216.34" not in str(Event.objects.values())


@pytest.mark.django_db
@override_settings(PERSONALIZATION_IDENTITY_SUGGESTIONS=True)
def test_a_server_states_that_of_its_visitor(client: Client, server: Source) -> None:
    stated = {"ip": "93.184.216.34", "userAgent": CHROME, "network": {"wifi": True}}
    send(client, track(context=stated), track(context={"ip": "10.0.0.1"}), track())
    drain()
    contexts = [event.context for event in Event.objects.order_by("pk")]
    assert contexts == [
        {"userAgent": CHROME, "network": {"wifi": True, **HERE["network"]}},
        {},
        {},
    ]
