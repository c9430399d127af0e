"""The parts of the fault harness, without the servers; tests/acceptance has all of it."""

from __future__ import annotations

import json
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from project.benchmarks import faults, faults_clients, faults_ordeal, faults_servers
from project.benchmarks.faults_clients import Client, Refused
from project.benchmarks.faults_ordeal import Ordeal, Tally
from project.benchmarks.faults_servers import NotUp, Server, free_port, listens, until
from project.benchmarks.faults_site import Failed, Place
from project.benchmarks.results import Effort

LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc here")


def tally(**facts: Any) -> Tally:
    found: dict[str, Any] = {
        "buffer": "database",
        "database": "PostgreSQL 15.1",
        "kills": Counter({"web": 2, "worker": 1}),
        "acknowledged": frozenset({"a", "b", "c"}),
        "stored": ["a", "b", "c"],
        "counted": 3,
        "differences": 0,
        "repeated": 4,
    }
    return Tally(**(found | facts))


@pytest.mark.parametrize(
    ("facts", "lost", "doubled"),
    [
        ({}, 0, 0),
        ({"stored": ["a", "b"], "counted": 2}, 1, 0),
        ({"counted": 1}, 2, 0),
        ({"stored": ["a", "b", "c", "c"], "counted": 4}, 0, 1),
        ({"counted": 5}, 0, 2),
        ({"stored": ["a", "a", "b"], "counted": 3}, 1, 1),
        ({"stored": ["a", "b", "c", "d"], "counted": 4}, 0, 0),
    ],
    ids=["all well", "not stored", "not counted", "stored twice", "counted twice", "both",
         "kept without an answer"],
)  # fmt: skip
def test_what_is_missing_is_lost_and_what_is_too_much_is_doubled(
    facts: dict[str, Any], lost: int, doubled: int
) -> None:
    assert (tally(**facts).lost, tally(**facts).doubled) == (lost, doubled)


def test_results_add_up_over_the_buffers_and_say_what_was_left_out() -> None:
    other = tally(buffer="redis", kills=Counter({"Redis": 3}), differences=2, counted=4)
    results = faults.results([tally(), other], left_out=["PostgreSQL (none)"])
    assert {result.name: result.value for result in results} == {
        "kills": 6,
        "acknowledged": 6,
        "sent_again": 8,
        "lost": 0,
        "doubled": 1,
        "differences": 2,
    }
    assert results[0].floor == (
        "Redis 3, web 2, worker 1, database buffer on PostgreSQL 15.1, "
        "redis buffer on PostgreSQL 15.1, LEFT OUT: PostgreSQL (none)"
    )
    assert all(result.unit and result.floor for result in results)


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_what_the_machine_lacks_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for what in ("postgres", "redis"):
        monkeypatch.setattr(faults, f"has_{what}", lambda what=what: what != name)
    (missing,) = faults.left_out()
    assert missing.lower().startswith(name)
    monkeypatch.setattr(faults, f"has_{name}", lambda: True)
    assert faults.left_out() == []


@pytest.mark.parametrize(
    ("seconds", "redis", "shares"),
    [(10, True, [10, 10]), (2.6, True, [3, 2]), (0, True, [1, 1]), (10, False, [20])],
)
def test_the_effort_is_shared_by_the_buffers(
    monkeypatch: pytest.MonkeyPatch, seconds: float, redis: bool, shares: list[int]
) -> None:
    asked: list[tuple[str, int]] = []

    class Tried:
        @classmethod
        @contextmanager
        def on(cls, folder: Path, *, buffer: str, rng: random.Random) -> Iterator[Tried]:
            assert list(folder.iterdir()) == []
            cls.buffer = buffer
            yield cls()

        def go_through(self, kills: int) -> Tally:
            asked.append((self.buffer, kills))
            return tally(kills=Counter({"web": kills}))

    monkeypatch.setattr(faults, "Ordeal", Tried)
    monkeypatch.setattr(faults, "has_redis", lambda: redis)
    results = faults.measure(Effort(seconds=seconds))
    assert asked == list(zip(["database", "redis"], shares, strict=False))
    assert results[0].value == sum(shares)


def test_every_kind_is_killed_about_as_often(tmp_path: Path) -> None:
    class Named(Server):
        def __init__(self, kind: str) -> None:
            self.kind = kind

    servers = [Named(kind) for kind in ("web", "web", "worker", "Redis")]
    place = Place(folder=tmp_path, buffer="database", database={})
    ordeal = Ordeal(place=place, rng=random.Random(1), servers=servers, clients=[])
    victims = list(ordeal._victims(30))
    assert Counter(victim.kind for victim in victims) == {"web": 10, "worker": 10, "Redis": 10}
    assert {id(victim) for victim in victims} == {id(server) for server in servers}
    assert [victim.kind for victim in victims] != sorted(victim.kind for victim in victims)


# -- clients --------------------------------------------------------------------------------


@contextmanager
def shop(answer: Callable[[int, list[Any]], tuple[int, Any]]) -> Iterator[tuple[int, list[Any]]]:
    """A server that answers the n-th request as told; yields its port and what it got."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["batch"]
            got.append(events)
            status, body = answer(len(got), events)
            if status:
                text = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults_clients, "PAUSE", 0.001)


def accepted(events: list[Any]) -> tuple[int, Any]:
    return 200, {"accepted": len(events)}


def test_what_is_not_acknowledged_is_sent_again_until_it_is() -> None:
    bad: list[tuple[int, Any]] = [(0, None), (500, {}), (503, {}), (429, {}), (200, None)]

    def answer(n: int, events: list[Any]) -> tuple[int, Any]:
        if n >= 20:
            client.close()
        return bad[n - 1] if n <= len(bad) else accepted(events)

    with shop(answer) as (port, got):
        client = Client(7, ports=[port])
        client.start()
        client.join(timeout=30)
    assert client.failure is None
    assert client.repeated == len(bad)
    assert all(events == got[0] for events in got[: len(bad) + 1])
    sent = {event["messageId"] for events in got for event in events}
    assert client.acknowledged == sent
    assert all(identifier.startswith("7-") for identifier in sent)


def test_some_of_what_was_acknowledged_is_sent_once_more() -> None:
    def answer(n: int, events: list[Any]) -> tuple[int, Any]:
        if n >= 100:
            client.close()
        return accepted(events)

    with shop(answer) as (port, got):
        client = Client(7, ports=[port])
        client.start()
        client.join(timeout=30)
    again = [one for one, other in zip(got, got[1:], strict=False) if one == other]
    assert 2 <= len(again) <= 30


@pytest.mark.parametrize(("status", "body"), [(401, {}), (400, {}), (200, {"accepted": 0})])
def test_an_answer_that_no_good_client_earns_ends_it(status: int, body: Any) -> None:
    with shop(lambda n, events: (status, body)) as (port, _):
        client = Client(7, ports=[port])
        client.start()
        client.join(timeout=30)
    assert isinstance(client.failure, Refused)
    assert client.acknowledged == set()


def test_the_failure_of_a_client_ends_the_ordeal(tmp_path: Path) -> None:
    client = Client(7, ports=[1])
    client.failure = Refused("401")
    place = Place(folder=tmp_path, buffer="database", database={})
    ordeal = Ordeal(place=place, rng=random.Random(1), servers=[], clients=[client])
    with pytest.raises(Refused):
        ordeal._acknowledged()


def test_a_client_that_breaks_ends_the_ordeal(tmp_path: Path) -> None:
    class Broken(Client):
        def run(self) -> None:
            return

    client = Broken(7, ports=[1])
    place = Place(folder=tmp_path, buffer="database", database={})
    ordeal = Ordeal(place=place, rng=random.Random(1), servers=[], clients=[client])
    assert ordeal._acknowledged() == frozenset(), "it has not begun"
    client.start()
    client.join()
    with pytest.raises(Failed, match="ended by itself"):
        ordeal._acknowledged()


# -- servers --------------------------------------------------------------------------------

FAMILY = """
import os, socket, sys, time
if os.fork() == 0:
    os.setsid()
    time.sleep(600)
door = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)
"""


class Family(Server):
    kind = "family"

    def command(self) -> list[str]:
        return [sys.executable, "-c", FAMILY, str(self.port)]


@LINUX
def test_a_server_is_killed_with_its_children_and_comes_up_on_the_same_port(
    tmp_path: Path,
) -> None:
    server = Family(tmp_path, environment=dict(os.environ))
    server.kill()  # it does not run: nothing happens
    try:
        server.start()
        port, first = server.port, server._process
        assert first is not None
        family = set(faults_servers.family_of(first.pid))
        assert first.pid in family
        assert len(family) == 2
        server.kill()
        alive = {pid for pid, _, state in faults_servers.processes() if state != "Z"}
        assert alive & family == set()
        assert not listens(port)
        server.start()
        assert server.port == port
        assert not server.has_ended()
    finally:
        server.kill()


@LINUX
def test_a_server_that_does_not_come_up_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hopeless(Server):
        kind = "hopeless"

        def command(self) -> list[str]:
            return [sys.executable, "-c", "raise SystemExit('no licence')"]

        def is_ready(self) -> bool:
            assert self._process is not None
            self._process.wait()  # however long it takes to say so
            return False

    monkeypatch.setattr(faults_servers, "PATIENCE", 1.0)
    server = Hopeless(tmp_path)
    with pytest.raises(NotUp, match=r"(?s)Waited in vain for hopeless.*no licence"):
        server.start()
    assert server.has_ended()
    server.kill()


def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults_servers, "PATIENCE", 0.05)
    with pytest.raises(NotUp, match="Waited in vain for rain"):
        until(lambda: False, "rain")
    until(lambda: True, "sun")


def test_a_free_port_is_free() -> None:
    assert not listens(free_port())


def test_nothing_but_the_newest_postgresql_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(faults_servers, "DEBIAN", tmp_path)
    monkeypatch.setattr(faults_servers.shutil, "which", lambda name: None)
    assert faults_servers.postgres_programs() is None
    assert not faults_ordeal.has_postgres()
    for version in ("9.6", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
    for version in ("9.6", "15"):
        (tmp_path / version / "bin" / "postgres").touch()
    assert faults_servers.postgres_programs() == tmp_path / "15" / "bin"
