"""A whole site in processes of its own, which a test may kill as it likes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from personalization.events.write_keys import digest_of

ROOT = Path(__file__).resolve().parents[2]
KEY = "acceptance-key"
PATIENCE = 90.0
#: Makes the tables, and loads a fixture: in one process, as starting one takes seconds.
PREPARE = """
import sys, django
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
call_command("loaddata", sys.argv[1], verbosity=0)
"""

Process = subprocess.Popen[bytes]


class Site:
    """Django's server and a worker over one SQLite file and one folder of messages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[Process] = []
        self._environment = {
            **os.environ,
            "ACCEPTANCE_FOLDER": str(folder),
            "DJANGO_SETTINGS_MODULE": "tests.acceptance.settings",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
        }
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def prepare(self, *objects: dict[str, Any]) -> None:
        """Make the tables and a server source, and load `objects` as fixtures."""
        since = "2026-01-01T00:00:00Z"
        source = {"name": "Server", "slug": "server", "kind": "server", "created_at": since}
        key = {"source": 1, "digest": digest_of(KEY), "hint": "acc"}
        fixture = self.folder / "site.json"
        rows = [
            {"model": "personalization.source", "pk": 1, "fields": source},
            {"model": "personalization.writekey", "fields": key},
            *objects,
        ]
        fixture.write_text(json.dumps(rows))
        self.load(fixture)

    def load(self, fixture: Path) -> None:
        """Make the tables, and load a file of objects."""
        self._run("-c", PREPARE, str(fixture))

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end; it must succeed."""
        return self._run("-m", "django", *arguments)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_server(self) -> Process:
        address = f"127.0.0.1:{self.port}"
        arguments = ("runserver", address, "--noreload", "--nostatic", "--skip-checks")
        server = self._start("server", "django", *arguments)
        self.wait(self._listens, "the server")
        return server

    def start_command(self) -> Process:
        """Start the worker of a site without Celery."""
        return self._start("worker", "django", "process_events", "--loop", "--pause", "0.05")

    def start_celery(self, *, sweeps: bool) -> Process:
        """Start a Celery worker; without sweeps only hints tell it to do anything."""
        worker = ["-A", "project.celery", "worker", "-P", "solo", "--loglevel", "warning"]
        beat = ["-B", "-s", str(self.folder / "schedule")] if sweeps else []
        return self._start("worker", "celery", *worker, *beat, "--without-gossip")

    def kill(self, process: Process) -> None:
        """End a process and all that it started, without a chance to clean up."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._running.remove(process)

    def close(self) -> None:
        for process in list(self._running):
            self.kill(process)

    def post(self, events: Sequence[dict[str, Any]]) -> int:
        """Post a batch; return how many events were accepted.

        :raises OSError, http.client.HTTPException: when the server is not there.
        """
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            body = json.dumps({"batch": events, "writeKey": KEY})
            connection.request("POST", "/p/v1/batch", body)
            response = connection.getresponse()
            answer = json.loads(response.read())
        return int(answer["accepted"]) if response.status == 200 else 0

    def rows(self, sql: str) -> list[Any]:
        """Return what a query finds; a single column as its values."""
        with closing(sqlite3.connect(self.folder / "site.sqlite3", timeout=30)) as connection:
            found = connection.execute(sql).fetchall()
        return [row[0] if len(row) == 1 else row for row in found]

    def waiting(self) -> int:
        return int(self.rows("SELECT COUNT(*) FROM personalization_bufferedbatch")[0])

    def stored(self) -> int:
        return int(self.rows("SELECT COUNT(*) FROM personalization_event")[0])

    def wait(self, ready: Callable[[], object], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not ready():
            assert time.monotonic() < end, f"waited in vain for {what}\n{self._words()}"
            time.sleep(0.02)

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def _start(self, name: str, module: str, *arguments: str) -> Process:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def _words(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-2000:]}" for log in logs)
