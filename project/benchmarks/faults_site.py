"""The site that is killed: web servers and workers over one database and one buffer."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import Error
from django.db.utils import ConnectionHandler
from django.utils.module_loading import import_string

from project.benchmarks.faults_servers import Server

ROOT = Path(__file__).resolve().parent.parent.parent
BUFFERS = {
    "database": "personalization.events.buffers.database.DatabaseBuffer",
    "redis": "project.benchmarks.faults_buffer.ImpatientRedisBuffer",
}
#: The write key of the clients.
KEY = "faults-of-this-machine"
#: Django takes its handful of these for granted.
_CONNECTION = {
    "ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "CONN_HEALTH_CHECKS": False, "OPTIONS": {},
    "TIME_ZONE": None, "TEST": {},
}  # fmt: skip


class Failed(Exception):
    """A program of the site did not do what it was started for."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What the site runs on: `database` is what Django needs to connect to it."""

    folder: Path
    buffer: str
    database: Mapping[str, Any]
    redis_url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        site = {
            "database": dict(self.database),
            "buffer": BUFFERS[self.buffer],
            "redis_url": self.redis_url,
        }
        return {
            **os.environ,
            "FAULTS_SITE": json.dumps(site),
            "DJANGO_SETTINGS_MODULE": "project.benchmarks.faults_settings",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
        }

    def run(self, *arguments: str) -> str:
        """Run a management command to its end and return what it said.

        :raises Failed: with what it complained of.
        """
        done = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Failed(f"{arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def prepare(self) -> None:
        program = "from project.benchmarks.faults_prepare import prepare"
        self.run("shell", "-v", "0", "-c", f"{program}; prepare({KEY!r})")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what a query finds, over a connection of its own."""
        handler = ConnectionHandler({"default": {**_CONNECTION, **self.database}})
        connection = handler["default"]
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def count(self, table: str) -> int:
        ((n,),) = self.rows(f"SELECT count(*) FROM personalization_{table}")  # noqa: S608
        return int(n)

    def database_version(self) -> str:
        connection = ConnectionHandler({"default": {**_CONNECTION, **self.database}})["default"]
        try:
            version = ".".join(map(str, connection.get_database_version()))
            return f"{connection.display_name} {version}"
        finally:
            connection.close()

    def is_drained(self) -> bool:
        """Return whether nothing waits for a worker; also False while nobody can tell."""
        try:
            return self.count("bufferedbatch") + self._entries() == 0
        except (Error, OSError, ValueError):  # it has just been started
            return False

    def _entries(self) -> int:
        """Return how long the stream is: one question that needs no client."""
        if self.buffer == "database":
            return 0
        address = urlsplit(self.redis_url)
        stream = import_string(BUFFERS[self.buffer]).stream
        with socket.create_connection((address.hostname, address.port), timeout=5) as redis:
            redis.sendall(f"XLEN {stream}\r\n".encode())
            return int(redis.recv(100).removeprefix(b":"))


class Web(Server):
    kind = "web"

    def __init__(self, place: Place) -> None:
        super().__init__(place.folder, environment=place.environment)

    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", "project.benchmarks.faults_web", str(self.port)]


class Worker(Server):
    kind = "worker"

    def __init__(self, place: Place) -> None:
        super().__init__(place.folder, environment=place.environment)

    def command(self) -> Sequence[str]:
        command = ("run_worker", "--pause", "0.05", "--skip-checks")
        return [sys.executable, "-m", "django", *command]

    def is_ready(self) -> bool:
        """Nobody connects to it: what it does shows in the database."""
        return self._process is not None and self._process.poll() is None
