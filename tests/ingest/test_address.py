from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from personalization.ingest.address import client_address, is_hidden


def address(settings: Any, proxies: int, forwarded: str | None, remote: str = "10.0.0.9") -> str:
    settings.PERSONALIZATION_TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    return client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=remote))


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        # Nobody is believed unless the site says so.
        (0, None, "10.0.0.9"),
        (0, "198.51.100.7", "10.0.0.9"),
        # Whom the one proxy heard, whatever the client had sent before.
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "127.0.0.1, 198.51.100.7", "198.51.100.7"),
        (1, "1.1.1.1,2.2.2.2,198.51.100.7", "198.51.100.7"),
        # Two proxies: the last entry is the outer one, as the inner heard it.
        (2, "198.51.100.7, 10.0.0.1", "198.51.100.7"),
        (2, "spoofed, 198.51.100.7, 10.0.0.1", "198.51.100.7"),
        # It came past the proxies.
        (1, None, "10.0.0.9"),
        (1, "", "10.0.0.9"),
        (2, "198.51.100.7", "10.0.0.9"),
        # What proxies add besides.
        (1, "198.51.100.7:50123", "198.51.100.7"),
        (1, "[2001:db8::7]:50123", "2001:db8::7"),
        (1, "2001:0DB8:0::7", "2001:db8::7"),
        (1, "fe80::1%eth0", "fe80::1"),
        (1, "::ffff:198.51.100.7", "198.51.100.7"),
        # No address at all.
        (1, "unknown", "10.0.0.9"),
        (1, "_hidden", "10.0.0.9"),
        (1, "198.51.100.7,", "10.0.0.9"),
        (1, "999.1.1.1", "10.0.0.9"),
        (1, "x" * 100_000, "10.0.0.9"),
        (1, "," * 10_000, "10.0.0.9"),
    ],
)
def test_the_client_is_whom_the_outermost_proxy_of_the_site_heard(
    settings: Any, proxies: int, forwarded: str | None, expected: str
) -> None:
    assert address(settings, proxies, forwarded) == expected


@pytest.mark.parametrize(
    ("remote", "expected"),
    [("", ""), ("/run/web.sock", ""), ("::1", "::1"), ("::ffff:192.0.2.1", "192.0.2.1")],
)
def test_a_connection_may_have_no_address(settings: Any, remote: str, expected: str) -> None:
    assert address(settings, 0, None, remote) == expected


@pytest.mark.parametrize(
    ("proxies", "forwarded", "remote", "hidden"),
    [
        (0, "198.51.100.7", "127.0.0.1", True),
        (0, "198.51.100.7", "10.0.0.1", True),
        (0, "198.51.100.7", "fd00::1", True),
        # Anybody can send the header: who has an address of the world is seen by it.
        (0, "198.51.100.7", "93.184.215.14", False),
        (0, None, "127.0.0.1", False),
        (1, "198.51.100.7", "127.0.0.1", False),
        (0, "198.51.100.7", "", False),
    ],
)
def test_a_proxy_that_nobody_told_us_of_is_noticed(
    settings: Any, proxies: int, forwarded: str | None, remote: str, hidden: bool
) -> None:
    settings.PERSONALIZATION_TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=remote)
    assert is_hidden(request, remote) is hidden
