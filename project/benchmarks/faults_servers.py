"""PostgreSQL and Redis of one's own, to be killed: in a folder, on a free port (Linux).

Both flush before they answer, as a site that wants to lose nothing sets them up.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

#: Seconds that anything may take to come up or to go.
PATIENCE = 60.0
#: Who PostgreSQL may run as when we are root, which it refuses to.
USERS = ("postgres", "nobody")
#: Where Debian keeps the programs of each version, out of the path.
DEBIAN = Path("/usr/lib/postgresql")


class NotUp(Exception):
    """Something that was waited for did not happen."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def until(ready: Callable[[], object], what: str) -> None:
    """Wait for something.

    :raises NotUp: when it takes too long.
    """
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            raise NotUp(f"Waited in vain for {what}.")
        time.sleep(0.02)


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, of the newest version there is."""
    folders = sorted(DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name))
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    return next((path for path in reversed(folders) if (path / "postgres").is_file()), None)


def redis_program() -> str | None:
    return shutil.which("redis-server")


class Server:
    """A program that can be killed and started again, on the same port."""

    kind: str

    def __init__(self, folder: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.folder, self.port = folder, free_port()
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def owner(self) -> dict[str, Any]:
        """Return as whom to run it, in the terms of `Popen`."""
        return {}

    def is_ready(self) -> bool:
        return listens(self.port)

    @property
    def log(self) -> Path:
        return self.folder / f"{self.kind}-{self.port}.log"

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def start(self) -> None:
        """Start it, and wait until it is ready: what was killed may need a second try.

        :raises NotUp: with its last words.
        """
        try:
            until(self.begin, self.kind)
        except NotUp as error:
            raise NotUp(f"{error}\n{self.last_words()}") from None

    def has_ended(self) -> bool:
        """Return whether it has ended by itself, which nothing should."""
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        """End it and all that it started, at once and without a chance to clean up."""
        if self._process is None:
            return
        family = family_of(self._process.pid)
        for pid in family:
            _signal(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        # Nobody may be there to bury them: the dead count as gone.
        until(
            lambda: not any(pid in family and state != "Z" for pid, _, state in processes()),
            f"the end of {self.kind}",
        )

    def end(self) -> None:
        """End it for good."""
        self.kill()

    def begin(self) -> bool:
        """Start it unless it runs; return whether it is ready."""
        if self._process is None or self._process.poll() is not None:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self.command(),
                    cwd=self.folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    **self.owner(),
                )
        return self.is_ready()


class Postgres(Server):
    kind = "PostgreSQL"

    def __init__(self, folder: Path, *, programs: Path) -> None:
        super().__init__(folder)
        self._programs, self._data = programs, folder / "data"
        if who := self.owner():
            os.chown(folder, who["user"], who["group"])
        subprocess.run(
            [
                str(programs / "initdb"), "--pgdata", str(self._data), "--auth=trust",
                "--username=faults", "--encoding=UTF8", "--locale=C", "--no-sync",
            ],
            cwd=folder, check=True, capture_output=True, **who,
        )  # fmt: skip

    def command(self) -> Sequence[str]:
        options = {
            "port": self.port, "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._data, "fsync": "on", "synchronous_commit": "on",
            "full_page_writes": "on", "log_min_messages": "fatal",
            "dynamic_shared_memory_type": "mmap",  # in the folder, and gone with it
        }  # fmt: skip
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self._data), *settings]

    def owner(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        import pwd  # which some systems have not, and those do not get here

        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = next(known[name] for name in USERS if name in known)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": ()}

    def end(self) -> None:
        """Let it give the memory back that it shares, which a killed one cannot."""
        if self._process is not None and not self.has_ended():
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill()

    def settings(self) -> dict[str, Any]:
        """Return what Django needs to connect."""
        return {
            "ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "faults",
            "HOST": "127.0.0.1", "PORT": str(self.port), "CONN_MAX_AGE": 60,
        }  # fmt: skip


class Redis(Server):
    kind = "Redis"

    def command(self) -> Sequence[str]:
        return [
            str(redis_program()), "--bind", "127.0.0.1", "--port", str(self.port),
            "--dir", str(self.folder), "--save", "", "--appendonly", "yes",
            "--appendfsync", "always",
        ]  # fmt: skip

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


def family_of(pid: int) -> list[int]:
    """Return a process, halted so that it gets no more children, and those that it has.

    PostgreSQL's leave its group, and no new one starts while an old one is there.
    """
    _signal(pid, signal.SIGSTOP)
    until(lambda: all(state in "TZ" for one, _, state in processes() if one == pid), "a halt")
    return [pid, *(child for child, parent, _ in processes() if parent == pid)]


def processes() -> Iterator[tuple[int, int, str]]:
    """Yield every process: its number, its parent's, and a letter for its state."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, _, rest = path.read_text(errors="replace").partition(" ")
        except OSError:  # it ended
            continue
        # The name stands in parentheses, and may have any of them in it.
        state, parent, *_ = rest.rpartition(")")[2].split()
        yield int(number), int(parent), state


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
