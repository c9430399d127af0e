"""Whatever a client sends to whichever address: an answer, never a failure, nothing kept of it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from personalization.events.models import BufferedBatch
from personalization.testing import drain
from tests.hostile.addresses import Address, admin_addresses, own_addresses
from tests.hostile.conftest import BROWSER_KEY, SERVER_KEY
from tests.hostile.evil import BODIES, ODDITIES, TYPES
from tests.hostile.tally import Prober

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "é")
#: Headers that something in the app reads, or that others have been fooled by.
HEADERS = (
    "Authorization", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Origin", "Referer",
    "User-Agent", "Accept-Language", "X-Forwarded-For", "X-Forwarded-Host", "X-Personalization-Page",
    "X-Personalization-Key", "X-Personalization-Segments", "Sec-Fetch-Site", "Sec-GPC", "DNT",
    "CF-IPCountry", "X-Client-IP", "Access-Control-Request-Method", "Range", "If-None-Match",
    "X-HTTP-Method-Override", "Accept", "Cookie",
)  # fmt: skip
OWN = own_addresses()


def named(address: Address) -> str:
    return f"{address.name} {address.template}"


def basic(key: str) -> str:
    return f"Basic {b64encode(f'{key}:'.encode()).decode()}"


@pytest.mark.parametrize("body", BODIES)
def test_no_body_is_too_much_for_any_address(stranger: Prober, keys: None, body: str) -> None:
    for address in OWN:
        for key in (SERVER_KEY, BROWSER_KEY):
            stranger.post(
                address.filled("evil", key=key),
                BODIES[body],
                content_type="application/json",
                headers={"authorization": basic(key), "sec-fetch-site": "same-origin"},
            )
    drain()
    assert not BufferedBatch.objects.exists(), "whatever was taken can be stored"


@pytest.mark.parametrize("kind", TYPES)
def test_no_label_of_a_body_is(stranger: Prober, keys: None, kind: str) -> None:
    for address in OWN:
        for body in (b"", b'{"a": 1}', b"--x\r\n\r\n--x--", b"a=%ff&b=%00&=&&&"):
            headers = {"authorization": basic(SERVER_KEY), "sec-fetch-site": "same-origin"}
            stranger.post(address.filled("evil"), body, content_type=kind, headers=headers)


@pytest.mark.parametrize("method", METHODS)
def test_no_method_is(stranger: Prober, keys: None, method: str) -> None:
    for address in OWN:
        response = stranger.generic(method, address.filled("evil"), b"{}")
        assert response.status_code < 500
        if method in ("PROPFIND", "TRACE", "é"):
            assert response.status_code in (400, 401, 403, 404, 405), named(address)


@pytest.mark.slow
@pytest.mark.parametrize("address", OWN, ids=named)
def test_no_text_in_an_address_is(stranger: Prober, keys: None, address: Address) -> None:
    names = ("path", "next", "write_key", "data", "token", "page", "purpose", "callback", "v", "t",
             "place", "limit", "item", "anonymousId", "userId", "writeKey")  # fmt: skip
    for text in ODDITIES:
        short = text.encode(errors="replace").decode()[:3000]
        quoted = {"/": "%2F", "?": "%3F", "#": "%23", " ": "%20", "\r": "%0D", "\n": "%0A"}
        stranger.get(address.filled("".join(quoted.get(c, c) for c in short) or "-"))
        stranger.get(address.filled("evil"), dict.fromkeys(names, short))


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADERS)
def test_no_header_is(stranger: Prober, keys: None, name: str) -> None:
    texts = [text.encode("latin-1", errors="replace").decode("latin-1") for text in ODDITIES]
    addresses = [address.filled("evil") for address in OWN if named(address).split()[0] in PROBED]
    assert len(addresses) == len(PROBED)
    for text in texts:
        for address in addresses:
            stranger.get(address, headers={name: text})
            stranger.post(address, b"{}", content_type="application/json", headers={name: text})


#: Of each kind of view one.
PROBED = ("segment-batch", "ga4-collect", "api-segments", "decide", "slot", "page-key", "consent",
          "manifest", "plausible-event", "rudderstack-page", "recommend")  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        *("x", "9" * 30, "1%00", "é"),
        *(
            pytest.param(one, marks=pytest.mark.slow)
            for one in ("-1", "0", "evil/../1", "1' OR '1'='1")
        ),
    ],
)
def test_no_number_in_an_address_of_the_admin_is(staff: Prober, text: str) -> None:
    for _model, address in admin_addresses():
        if "{" in address.template:
            for send in (staff.get, staff.post):
                response = send(address.filled(text))
                assert response.status_code in (200, 302, 403, 404, 405), address
                if response.status_code == 302:
                    assert response["Location"].startswith("/admin/")


@pytest.mark.slow
def test_every_view_of_the_admin_takes_json_that_is_none(staff: Prober) -> None:
    for _model, address in admin_addresses():
        if "{" not in address.template:
            for body in (
                "null",
                "cut off",
                "all wrong types",
                "deep list",
                "a lone surrogate",
                "no text",
            ):
                staff.post(address.template, BODIES[body], content_type="application/json")


def test_nothing_that_was_refused_comes_back_in_a_header(stranger: Prober, keys: None) -> None:
    for address in OWN:
        response: Any = stranger.get(
            address.filled("evil"),
            {"next": "/\r\nSet-Cookie: pz_id=x", "path": "/\r\nX-Evil: 1"},
            headers={"origin": "https://a.example\r\nX-Evil: 1", "referer": "/\nX-Evil: 1"},
        )
        assert "X-Evil" not in response.headers
        assert "pz_id" not in response.cookies
