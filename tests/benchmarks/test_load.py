"""The load generator: what it counts, and what it refuses to count."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from project.benchmarks.ingest import Lost, Pair, _refuse_losses, _results
from project.benchmarks.load import Call, Clients, LoadError, in_turns


class Echo(BaseHTTPRequestHandler):
    """Answers with the status that the path names, and keeps the connection."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, bytes, int]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, body, self.client_address[1]))
        self.send_response(int(self.path.strip("/")))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    Echo.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def call(status: int, body: bytes = b"x") -> Call:
    return Call(path=f"/{status}", body=body, headers={"X-Test": "1"})


def test_every_client_sends_at_least_once_and_keeps_its_connection(port: int) -> None:
    with Clients(port=port, n=3) as clients:
        assert clients.send(call(200), seconds=0) > 0
        assert clients.answered == 3
        clients.send(call(200), seconds=0)
    assert len(Echo.seen) == 6
    assert len({client for _, _, client in Echo.seen}) == 3


@pytest.mark.parametrize("status", [204, 302, 404, 503])
def test_an_answer_that_is_no_200_ends_it(port: int, status: int) -> None:
    with Clients(port=port, n=2) as clients, pytest.raises(LoadError, match=f"/{status}: {status}"):
        clients.send(call(status), seconds=1)


def test_a_server_that_is_not_there_ends_it() -> None:
    with Clients(port=1, n=1) as clients, pytest.raises(LoadError):
        clients.send(call(200), seconds=1)


def test_calls_take_turns_forwards_and_backwards(port: int) -> None:
    calls = [call(200, b"a"), call(200, b"b")]
    with Clients(port=port, n=1) as clients:
        rates = in_turns(clients, calls, seconds=0, rounds=3)
    assert [body for _, body, _ in Echo.seen] == [b"a", b"b", b"b", b"a", b"a", b"b"]
    assert [len(found) for found in rates] == [3, 3]


def test_the_ratio_is_that_of_the_middle_round() -> None:
    pair = Pair(
        name="batch20_vs_bare_view",
        ours=call(200),
        floor=call(200),
        events=20,
        words="a view that does less",
    )
    ratio, requests, events = _results(pair, ours=[10, 30, 80], floor=[100, 100, 100])
    assert (ratio.name, ratio.value, ratio.ratio) == ("batch20_vs_bare_view", 0.3, 0.3)
    assert (requests.name, requests.value) == ("batch20_requests", 30)
    assert (events.name, events.value) == ("batch20_events", 600)
    assert ratio.floor == "a view that does less: 100 requests/s (median)"


@pytest.mark.django_db
def test_an_answer_without_a_row_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    class Table:
        class _default_manager:  # noqa: N801 - as Django calls it
            @staticmethod
            def count() -> int:
                return 2

    monkeypatch.setattr("project.benchmarks.ingest.RAW", (Table,))
    clients = Clients(port=1, n=0)
    clients.answered = 2
    _refuse_losses(clients)
    clients.answered = 3
    with pytest.raises(Lost, match="3 requests were answered and 2 rows were kept"):
        _refuse_losses(clients)
