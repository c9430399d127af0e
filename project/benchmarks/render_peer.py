"""wagtail-personalisation on a site of its own: installed apart, measured in its own process.

Nothing of it is a dependency of this project. What is needed is installed once, into an
environment in the folder of the demo's state, and used again until a version is another.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.db import connection

from project.environment import BASE_DIR, STATE_DIR
from scripts.bootstrap import alone

SIZES = (0, 10, 50)
SITE = Path(__file__).parent / "peer_site"
HOME = STATE_DIR / "peer"
#: Seconds that installing may take, and a measurement beyond what it was given.
PATIENCE, SETTING_UP = 900.0, 300.0
#: Lines of a failure that are told.
TAIL = 6


class PeerUnavailable(Exception):
    """The peer cannot be installed or does not run."""


@dataclass(frozen=True, kw_only=True)
class PeerCost:
    """Of one page: its queries, and its seconds by the clock and of the processor."""

    queries: int
    time: float
    cpu_time: float


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A page of Wagtail without the peer, and with it by the number of segments."""

    name: str
    wagtail: str
    plain: PeerCost
    costs: Mapping[int, PeerCost]

    def added_ms(self, segments: int) -> float:
        return 1000 * (self.costs[segments].time - self.plain.time)

    def added_cpu_ms(self, segments: int) -> float:
        return 1000 * (self.costs[segments].cpu_time - self.plain.cpu_time)


def measure_peer(*, seconds: float, rounds: int) -> Peer:
    """Measure each page for `seconds`, in a database of the kind that the settings name.

    :raises PeerUnavailable: saying what stands in the way.
    """
    python = _python(requirements())
    effort = ["--seconds", str(seconds), "--rounds", str(rounds)]
    (plain,) = _run(python, ["0", *effort], personalised=False, seconds=seconds)
    sizes = [str(n) for n in SIZES]
    found = _run(python, [*sizes, *effort], personalised=True, seconds=seconds * len(SIZES))
    names = [requirement.replace("==", " ") for requirement in requirements()[:2]]
    return Peer(
        name=names[0],
        wagtail=names[1].capitalize(),
        plain=_cost(plain),
        costs={cost["segments"]: _cost(cost) for cost in found},
    )


def requirements() -> list[str]:
    """Return what is installed: the peer, its Wagtail, and the Django that runs here."""
    lines = (SITE / "requirements.txt").read_text().split()
    if connection.vendor == "postgresql":
        return [*lines, f"django=={version('django')}", f"psycopg[binary]=={version('psycopg')}"]
    return [*lines, f"django=={version('django')}"]


def _python(wanted: Sequence[str]) -> Path:
    """Return the Python of an environment that holds what is wanted, made if need be."""
    key = " ".join([*wanted, platform.python_version(), sys.base_prefix, str(HOME)])
    home = HOME / hashlib.sha256(key.encode()).hexdigest()[:16]
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = home / "ready"
    HOME.mkdir(parents=True, exist_ok=True)
    with alone(HOME):
        if not ready.exists():
            sys.stderr.write(f"Installing {', '.join(wanted)} into {home}; this is done once.\n")
            shutil.rmtree(home, ignore_errors=True)
            _call([sys.executable, "-m", "venv", str(home)], patience=PATIENCE)
            pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
            _call([*pip, "install", "--retries", "1", *wanted], patience=PATIENCE)
            ready.touch()
    return python


def _run(
    python: Path, arguments: Sequence[str], *, personalised: bool, seconds: float
) -> list[dict[str, Any]]:
    site = {"personalised": personalised, "database": _database()}
    told = _call(
        [str(python), "-m", "django", "measure_peer", *arguments],
        patience=SETTING_UP + 2 * seconds,
        DJANGO_SETTINGS_MODULE="project.benchmarks.peer_site.settings",
        PEER_SITE=json.dumps(site),
    )
    found: list[dict[str, Any]] = json.loads(told.splitlines()[-1])
    return found


def _database() -> dict[str, Any]:
    """Return how to connect as we do: the peer makes a database of its own there."""
    names = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    found = {name: connection.settings_dict[name] for name in names}
    return {**found, "NAME": str(found["NAME"])}


def _cost(found: Mapping[str, Any]) -> PeerCost:
    return PeerCost(**{name: found[name] for name in ("queries", "time", "cpu_time")})


def _call(command: Sequence[str], *, patience: float, **environment: str) -> str:
    """Run a program and return what it printed.

    :raises PeerUnavailable: with the last lines it said, when it fails or takes too long.
    """
    try:
        done = subprocess.run(
            command,
            cwd=BASE_DIR,
            env={**os.environ, "PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=patience,
        )
    except subprocess.TimeoutExpired:
        raise PeerUnavailable(f"{command[0]} took longer than {patience:.0f} s.") from None
    if done.returncode:
        lines = f"{done.stdout}\n{done.stderr}".strip().splitlines()
        raise PeerUnavailable("\n".join(["", *lines[-TAIL:]]))
    return done.stdout
