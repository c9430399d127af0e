"""Child processes in groups of their own: started, watched, and stopped without orphans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, cast

GRACE = 8.0
#: How long a killed group may linger: what nobody reaps is dead all the same.
LINGER = 2.0
LAST_WORDS = 12


class ChildDied(Exception):
    """A child process has stopped although nobody asked it to."""

    def __init__(self, child: Child, code: int) -> None:
        super().__init__(
            f"The {child.name} has stopped (code {code}).\n{child.last_words()}".strip()
        )


@dataclass
class Child:
    """One process with its group and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def is_gone(self) -> bool:
        """Return whether the process and all that it started have ended."""
        self.process.poll()
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # macOS says so of a group of which only a zombie is left
            return self.process.returncode is not None
        return False

    @property
    def lifeline(self) -> IO[bytes]:
        """The pipe whose closing tells the child that this process is gone."""
        return cast(IO[bytes], self.process.stdin)

    def signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-LAST_WORDS:])


@dataclass
class Children:
    """All processes of the demo."""

    folder: Path
    environment: dict[str, str]
    running: list[Child] = field(default_factory=list)

    def start(self, name: str, *, module: str, arguments: list[str]) -> None:
        """Run `python -m module` under a lifeline, its words going to a log."""
        log = self.folder / f"{name.replace(' ', '-')}.log"
        with log.open("wb") as words:
            process = subprocess.Popen(
                [sys.executable, "-m", "project.lifeline", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=words,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        self.running.append(Child(name, process, log))

    def check(self) -> None:
        """Raise if one of them has ended.

        :raises ChildDied: with what it said last.
        """
        for child in self.running:
            code = child.process.poll()
            if code is not None:
                raise ChildDied(child, code)

    def stop(self) -> None:
        """Ask all to end, wait, then end what is left. A second Ctrl-C does not wait."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._kill)
        for child in self.running:
            child.signal(signal.SIGTERM)
        self._wait(GRACE)
        self._kill()
        self._wait(LINGER)
        for child in self.running:
            child.lifeline.close()
        self.running.clear()

    def _wait(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not self._all_gone():
            time.sleep(0.05)

    def _all_gone(self) -> bool:
        return all(child.is_gone() for child in self.running)

    def _kill(self, number: int = 0, frame: FrameType | None = None) -> None:
        for child in self.running:
            child.signal(signal.SIGKILL)
