"""Requests to addresses that people enter: over real sockets, to a server of the test."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from personalization import outbound
from personalization.exceptions import OutboundFailed, OutboundRefused, SettingError

Respond = Callable[[socket.socket, bytes], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Note: fine\r\n\r\nok"
HELLO = b"\x16\x03"
#: How long a loaded machine may take, in seconds; those that do not answer never do.
PATIENCE = 60.0


class Server:
    """Answers each connection with what `respond` sends, and keeps what was asked."""

    def __init__(self, respond: Respond) -> None:
        self.asked: list[bytes] = []
        self._respond = respond
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5)
            try:
                request = read_request(connection)
                self.asked.append(request)
                self._respond(connection, request)
            except OSError:
                return

    def close(self) -> None:
        self._listener.close()

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


def read_request(connection: socket.socket) -> bytes:
    data = b""
    # What begins with the hello of TLS has no head; nobody waits for the end of one.
    while b"\r\n\r\n" not in data and not data.startswith(HELLO):
        if not (more := connection.recv(65536)):
            return data
        data += more
    if data.startswith(HELLO):
        return data
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            while len(body) < int(value):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def serving(respond: Respond) -> Iterator[Server]:
    server = Server(respond)
    try:
        yield server
    finally:
        server.close()


def sends(answer: bytes) -> Respond:
    return lambda connection, request: connection.sendall(answer)


@pytest.fixture
def here(settings: Any) -> None:
    """Let requests go to this machine."""
    settings.PERSONALIZATION_OUTBOUND_NETWORKS = ("127.0.0.0/8", "::1/128")


def post(url: str, **options: Any) -> outbound.Answer:
    return outbound.post(url, **{"body": b"{}", "headers": {}, **options})


# -- what is sent and what comes back --------------------------------------------------------


@pytest.mark.usefixtures("here")
def test_the_body_and_the_headers_arrive_and_the_answer_comes_back() -> None:
    with serving(sends(OK)) as server:
        body = json.dumps({"größe": 1}).encode()
        answer = post(
            server.url("/a/b?c=d"), body=body, headers={"Content-Type": "application/json"}
        )
    assert (answer.status, answer.headers["x-note"], answer.body) == (200, "fine", b"ok")
    assert answer.is_good
    head, _, sent = server.asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a/b?c=d HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}".encode() in head
    assert b"Content-Type: application/json" in head
    assert sent == body


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("status", [201, 204, 400, 410, 500])
def test_whatever_its_status_an_answer_is_an_answer(status: int) -> None:
    with serving(sends(b"HTTP/1.1 %d Said\r\nContent-Length: 0\r\n\r\n" % status)) as server:
        answer = post(server.url())
    assert (answer.status, answer.is_good) == (status, status < 300)


@pytest.mark.usefixtures("here")
def test_a_redirect_is_not_followed() -> None:
    with serving(sends(OK)) as target:
        moved = b"HTTP/1.1 307 Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
        with serving(sends(moved % target.url().encode())) as server:
            answer = post(server.url())
    assert answer.status == 307
    assert not answer.is_good
    assert target.asked == []


@pytest.mark.usefixtures("here")
def test_a_long_answer_is_read_up_to_its_bound() -> None:
    def flood(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with serving(flood) as server:
        answer = post(server.url())
    assert len(answer.body) == outbound.MOST_READ


# -- what does not answer --------------------------------------------------------------------


def drip(connection: socket.socket, request: bytes) -> None:
    """Send a byte now and then, each of them well within any time-out."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def keep_silent(connection: socket.socket, request: bytes) -> None:
    connection.settimeout(None)
    connection.recv(1)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("respond", [drip, keep_silent])
def test_a_server_that_takes_its_time_is_given_up_in_time(respond: Respond) -> None:
    began = time.monotonic()
    with (
        serving(respond) as server,
        pytest.raises(OutboundFailed, match=r"127\.0\.0\.1 did not answer within 0\.5 s"),
    ):
        post(server.url(), timeout=0.5)
    assert time.monotonic() - began < PATIENCE


@pytest.mark.usefixtures("here")
def test_a_handshake_that_takes_its_time_is_given_up_in_time() -> None:
    began = time.monotonic()
    with serving(keep_silent) as server, pytest.raises(OutboundFailed, match="within"):
        post(server.url().replace("http:", "https:"), timeout=0.5)
    assert time.monotonic() - began < PATIENCE


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 many\r\n\r\n"])
def test_what_is_no_answer_is_a_failure(said: bytes) -> None:
    with serving(sends(said)) as server, pytest.raises(OutboundFailed, match="cannot be asked"):
        post(server.url())


@pytest.mark.usefixtures("here")
def test_a_port_that_nobody_listens_at_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(OutboundFailed, match="cannot be asked"):
        post(f"http://127.0.0.1:{port}/")


@pytest.mark.usefixtures("here")
def test_a_server_that_speaks_no_tls_is_a_failure() -> None:
    def greet(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 400 Plain\r\n\r\n")

    with serving(greet) as server, pytest.raises(OutboundFailed, match="cannot be asked"):
        post(server.url().replace("http:", "https:"))


@pytest.mark.usefixtures("here")
def test_the_certificate_and_its_name_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ssl.SSLContext] = []
    real = ssl.create_default_context

    def remembered() -> ssl.SSLContext:
        seen.append(real())
        return seen[-1]

    monkeypatch.setattr(ssl, "create_default_context", remembered)
    with serving(sends(OK)) as server, pytest.raises(OutboundFailed):
        post(server.url().replace("http:", "https:"))
    [context] = seen
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_name_that_nobody_has_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OutboundFailed, match="hooks.example cannot be found"):
        post("https://hooks.example/")


# -- what may not be called ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://example.com/", "'ftp' cannot be called. Allowed: http, https"),
        ("file:///etc/hostname", "'file' cannot be called"),
        ("gopher://example.com/", "'gopher'"),
        ("//example.com/", "'' cannot be called"),
        ("example.com", "'' cannot be called"),
        ("", "'' cannot be called"),
        ("https://", "names no host"),
        ("https:///path", "names no host"),
        ("https://example.com:0/", "names no host"),
        ("https://example.com:99999/", "is no address"),
        ("https://example.com:x/", "is no address"),
        ("https://[::1/", "is no address"),
        ("https://me:secret@example.com/", "no user and no password"),
        ("https://me@example.com/", "no user and no password"),
        ("https://example.com/a b", "no spaces"),
        ("https://example.com/\r\nX-Evil: 1", "no spaces and no control"),
        ("https://example.com/\x00", "no control"),
        ("https://a..b/", "no name of a host"),
        ("https://" + "a" * 70 + ".example/", "no name of a host"),
    ],
)
def test_an_address_that_cannot_be_called_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(OutboundRefused, match=complaint.replace("[", r"\[")):
        post(url)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://hooks.example:x/T0/secret", "'https://hooks.example:x' is no address"),
        ("https://hooks.example:x?key=secret", "'https://hooks.example:x' is no address"),
        ("https://user:secret@hooks.example:x/", "'https://hooks.example:x' is no address"),
        ("https:///secret", "'https://' names no host"),
        ("https://[?key=secret", "'https://[' is no address"),
    ],
)
def test_path_query_and_password_of_an_address_are_not_told(url: str, told: str) -> None:
    with pytest.raises(OutboundRefused) as caught:
        post(url)
    assert str(caught.value).startswith(told)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1",  # noqa: S104
        "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fd00::1]",
        "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[2002:a00:1::]", "[::7f00:1]",
        "[2001:db8::1]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "localhost",
    ],
)  # fmt: skip
def test_what_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(OutboundRefused, match="which is not public"):
        post(f"http://{host}/")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "2002:101:101::"]
)
def test_what_is_public_is_public(address: str) -> None:
    assert outbound.is_public(ipaddress.ip_address(address))


def resolving(*addresses: str) -> Callable[..., Any]:
    return lambda host, port, **options: [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses
    ]


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("1.1.1.1", "10.0.0.1")])
def test_a_name_that_leads_inside_is_refused(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving(*addresses))
    with pytest.raises(OutboundRefused, match=r"hooks\.example is 10\.0\.0\.1"):
        post("http://hooks.example/")


def test_the_connection_goes_to_the_address_that_was_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that answers otherwise when it is asked again leads nowhere else."""
    asked: list[tuple[str, int]] = []

    def connect(connection: socket.socket, address: tuple[str, int]) -> None:
        asked.append(address)
        raise ConnectionRefusedError("no")

    answers = iter([resolving("1.1.1.1"), resolving("127.0.0.1")])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **o: next(answers)(*a, **o))
    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(OutboundFailed):
        post("http://hooks.example:8080/")
    assert asked == [("1.1.1.1", 8080)]


def test_the_next_address_is_tried_when_one_refuses(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PERSONALIZATION_OUTBOUND_NETWORKS = ("127.0.0.0/8",)
    with serving(sends(OK)) as server:
        # Nobody listens at the first: the server has only one of the addresses.
        monkeypatch.setattr(socket, "getaddrinfo", resolving("127.0.0.2", "127.0.0.1"))
        assert post(server.url(host="hooks.example")).status == 200
    assert f"Host: hooks.example:{server.port}".encode() in server.asked[0]


def test_only_the_networks_that_are_listed_are_let_in(settings: Any) -> None:
    settings.PERSONALIZATION_OUTBOUND_NETWORKS = ("127.0.0.1/32",)
    with serving(sends(OK)) as server:
        assert post(server.url()).is_good
        assert post(server.url(host="[::ffff:127.0.0.1]")).is_good
    with pytest.raises(OutboundRefused):
        post("http://127.0.0.2/")


def test_a_network_that_is_none_is_named(settings: Any) -> None:
    settings.PERSONALIZATION_OUTBOUND_NETWORKS = ("intranet",)
    with pytest.raises(SettingError, match="intranet"):
        post("http://127.0.0.1/")


@pytest.mark.usefixtures("here")
def test_no_connection_stays_open() -> None:
    closed = threading.Event()

    def wait_for_the_end(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if connection.recv(1) == b"":
            closed.set()

    with serving(wait_for_the_end) as server:
        post(server.url())
        assert closed.wait(timeout=PATIENCE)
