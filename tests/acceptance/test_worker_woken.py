"""A hint over the real folder queue wakes a worker that never looks by itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.acceptance.site import KEY, Site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    site.prepare()
    site.start_server()
    yield site
    site.close()


def test_an_event_is_processed_without_waiting_for_a_sweep(site: Site) -> None:
    site.start_celery(sweeps=False)
    for number in range(3):
        call = {"type": "track", "event": "Product Viewed", "userId": "u1"}
        assert site.post([{**call, "messageId": f"m{number}"}]) == 1
        site.wait(lambda n=number: site.stored() == n + 1, "the event to be processed")
    assert site.waiting() == 0


def test_a_chunked_body_is_refused_by_a_server_that_drops_it(site: Site) -> None:
    body = b'{"batch": [{"type": "track", "event": "E", "userId": "u1"}]}'
    request = (
        f"POST /p/v1/batch?writeKey={KEY} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as client:
        client.sendall(request)
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 411 ")
    assert site.waiting() == 0
