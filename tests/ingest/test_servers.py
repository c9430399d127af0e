"""What web servers make of a body, and that we never take half of one for a whole."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pytest_django.live_server_helper import LiveServer

ROOT = Path(__file__).resolve().parents[2]
APP = "tests.ingest.echo"
BODY = b'{"batch": []}'
PLAIN = f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
CHUNKED = (
    b"Transfer-Encoding: chunked\r\n\r\n"
    b"5\r\n" + BODY[:5] + b"\r\n" + f"{len(BODY) - 5:x}\r\n".encode() + BODY[5:] + b"\r\n0\r\n\r\n"
)
#: How each server is started, and whether it takes chunks apart for us.
SERVERS = {
    "wsgiref": (["-m", APP, "{port}"], False),
    "waitress": (["-m", "waitress", "--listen=127.0.0.1:{port}", f"{APP}:wsgi"], True),
    "gunicorn": (["-m", "gunicorn", "-b", "127.0.0.1:{port}", f"{APP}:wsgi"], True),
    "uvicorn": (["-m", "uvicorn", "--port", "{port}", "--lifespan=off", f"{APP}:asgi"], True),
    "daphne": (["-m", "daphne", "-p", "{port}", f"{APP}:asgi"], True),
}


def ask(port: int, rest: bytes, *, path: str = "/") -> tuple[int, bytes]:
    """Post what stands after the Host header, as it is; return status and body of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n".encode())
        connection.sendall(b"Connection: close\r\n" + rest)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[tuple[int, bool]]:
    """A running server: its port, and whether it takes chunks apart."""
    arguments, takes_chunks = SERVERS[request.param]
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with running([argument.format(port=port) for argument in arguments], port=port):
        yield port, takes_chunks


@contextmanager
def running(arguments: list[str], *, port: int) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: listens(port), process)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if ready():
            return
        assert process.poll() is None, "the server has ended"
        time.sleep(0.05)
    raise AssertionError("the server does not listen")


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_a_body_with_a_length_is_whole(server: tuple[int, bool]) -> None:
    assert ask(server[0], PLAIN) == (200, BODY)


def test_a_chunked_body_is_whole_or_refused(server: tuple[int, bool]) -> None:
    port, takes_chunks = server
    assert ask(port, CHUNKED) == ((200, BODY) if takes_chunks else (411, b"length_required"))


def test_of_a_length_and_chunks_at_once_nothing_half_is_taken(server: tuple[int, bool]) -> None:
    """Servers differ in what they believe then (RFC 9112 leaves it open)."""
    status, body = ask(server[0], b"Content-Length: 3\r\n" + CHUNKED)
    assert status >= 400 or body == BODY


@pytest.mark.django_db(transaction=True)
def test_a_chunked_batch_is_refused_by_the_server_of_django(live_server: LiveServer) -> None:
    port = urlsplit(live_server.url).port
    assert port is not None
    status, body = ask(port, CHUNKED, path="/p/v1/batch?writeKey=any")
    assert status == 411
    assert b'"code":"length_required"' in body
