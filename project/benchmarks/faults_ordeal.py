"""One site, killed again and again under load, and the reckoning in the end."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.db import Error

from project import environment
from project.benchmarks.faults_clients import Client
from project.benchmarks.faults_servers import (
    Postgres,
    Redis,
    Server,
    postgres_programs,
    redis_program,
    until,
)
from project.benchmarks.faults_site import Failed, Place, Web, Worker

CLIENTS, WEBS, WORKERS = 4, 2, 2
#: How often somebody else is killed before the last one is up again.
TOGETHER = 0.25


def has_postgres() -> bool:
    return postgres_programs() is not None and find_spec("psycopg") is not None


def has_redis() -> bool:
    return redis_program() is not None and find_spec("redis") is not None


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What came of one buffer. `counted` are the events that snapshots count, and
    `differences` the profiles that are not what the log says."""

    buffer: str
    database: str
    kills: Counter[str]
    acknowledged: frozenset[str]
    stored: Sequence[str]
    counted: int
    differences: int
    repeated: int

    @property
    def lost(self) -> int:
        known = set(self.stored)
        return len(self.acknowledged - known) + max(len(known) - self.counted, 0)

    @property
    def doubled(self) -> int:
        known = set(self.stored)
        return len(self.stored) - len(known) + max(self.counted - len(self.stored), 0)


@dataclass
class Ordeal:
    """A site that is up, and all that can be killed of it."""

    place: Place
    rng: random.Random
    servers: Sequence[Server]
    clients: Sequence[Client]
    kills: Counter[str] = field(default_factory=Counter)

    @classmethod
    @contextmanager
    def on(cls, folder: Path, *, buffer: str, rng: random.Random) -> Iterator[Ordeal]:
        """Start everything in `folder`; end it again whatever happens."""
        with ExitStack() as ending:

            def up(*servers: Server) -> None:
                for server in servers:
                    ending.callback(server.end)
                    server.begin()
                for server in servers:
                    server.start()

            folder.chmod(0o755)  # PostgreSQL may have to be somebody else
            place, servers = _place(folder, buffer=buffer, up=up)
            place.prepare()
            webs = [Web(place) for _ in range(WEBS)]
            workers = [Worker(place) for _ in range(WORKERS)]
            up(*webs, *workers)
            clients = [
                Client(number, ports=[web.port for web in webs]) for number in range(CLIENTS)
            ]
            yield cls(place=place, rng=rng, servers=[*servers, *webs, *workers], clients=clients)

    def go_through(self, kills: int) -> Tally:
        for client in self.clients:
            client.start()
        down: list[Server] = []
        for number, server in enumerate(self._victims(kills), 1):
            if not down:
                self._wait_for_progress()
            time.sleep(self.rng.uniform(0, 0.3))
            server.start()  # it may be down from before
            server.kill()
            self.kills[server.kind] += 1
            down.append(server)
            # Now and then somebody else falls before it is up again.
            if number == kills or self.rng.random() > TOGETHER:
                time.sleep(self.rng.uniform(0, 0.3))
                _start(down)
                down = []
        return self._tally()

    def _victims(self, kills: int) -> Iterator[Server]:
        """Yield whom to kill next: each kind about as often, in any order."""
        kinds = sorted({server.kind for server in self.servers})
        for number in range(kills):
            if number % len(kinds) == 0:
                self.rng.shuffle(kinds)
            kind = kinds[number % len(kinds)]
            yield self.rng.choice([one for one in self.servers if one.kind == kind])

    def _wait_for_progress(self) -> None:
        """Wait until requests are acknowledged again, and events stored: whom idle times
        are killed in proves little."""
        kept, stored = self._acknowledged(), self._stored()
        until(lambda: len(self._acknowledged()) > len(kept), "a request to be acknowledged")
        until(lambda: self._stored() > stored, "an event to be stored")

    def _acknowledged(self) -> frozenset[str]:
        for client in self.clients:
            if client.failure or client.has_failed():
                raise client.failure or Failed("A client has ended by itself.")
        return frozenset().union(*(client.acknowledged.copy() for client in self.clients))

    def _stored(self) -> int:
        try:
            return self.place.count("event")
        except Error:  # it has just been started
            return -1

    def _tally(self) -> Tally:
        for client in self.clients:
            client.close()
        for client in self.clients:
            client.join()
        until(self.place.is_drained, "the workers to be done")
        for server in self.servers:
            if server.has_ended():
                raise Failed(f"{server.kind} ended by itself.\n{server.last_words()}")
            if isinstance(server, Worker):
                server.kill()
        differences = self._differences()
        features = [json.loads(text) for (text,) in self.place.rows(_FEATURES)]
        return Tally(
            buffer=self.place.buffer,
            database=self.place.database_version(),
            kills=self.kills,
            acknowledged=self._acknowledged(),
            stored=[name for (name,) in self.place.rows(_STORED)],
            counted=sum(each.get("events.count", 0) for each in features),
            differences=differences,
            repeated=sum(client.repeated for client in self.clients),
        )

    def _differences(self) -> int:
        """Let what is left to do be done, and ask the audit."""
        try:
            self.place.run("shell", "-v", "0", "-c", _AUDIT)
        except Failed as failure:
            if not (told := str(failure).count("the log says")):
                raise
            return told
        return 0


def _place(
    folder: Path, *, buffer: str, up: Callable[[Server], None]
) -> tuple[Place, list[Server]]:
    """Start what the site runs on."""
    servers: list[Server] = []
    database: dict[str, Any] = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / "site.sqlite3"),
        "OPTIONS": environment.SQLITE_OPTIONS,
    }
    redis_url = ""
    if (programs := postgres_programs()) and has_postgres():
        up(postgres := Postgres(_room(folder, "postgres"), programs=programs))
        servers.append(postgres)
        database = postgres.settings()
    if buffer == "redis":
        up(redis := Redis(_room(folder, "redis")))
        servers.append(redis)
        redis_url = redis.url
    place = Place(folder=folder, buffer=buffer, database=database, redis_url=redis_url)
    until(lambda: _answers(place), "the database")
    return place, servers


def _room(folder: Path, name: str) -> Path:
    (path := folder / name).mkdir()
    return path


def _start(servers: Sequence[Server]) -> None:
    for server in servers:
        server.begin()
    for server in servers:
        server.start()


_AUDIT = """
from django.core.management import call_command
call_command("run_worker", once=True)
call_command("audit_profiles")
"""
_STORED = "SELECT message_id FROM personalization_event"
_FEATURES = "SELECT CAST(features AS text) FROM personalization_snapshot"


def _answers(place: Place) -> bool:
    try:
        return place.rows("SELECT 1") == [(1,)]
    except Error:
        return False
