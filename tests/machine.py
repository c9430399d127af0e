"""What of the optional services this machine has, and why a test that needs one skips."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from functools import cache
from importlib.util import find_spec
from urllib.parse import urlsplit

from django.conf import settings

from project.benchmarks.models.data import folder

#: How many databases of Redis are filled and flushed at most: one for each worker of pytest.
REDIS_DATABASES = 15
#: The oldest Java that Spark 4 runs on.
JAVA = 17


def redis_of(worker: str, given: str) -> str:
    """Return the database of a worker (`gw0`, …): the one given, then those below it."""
    number = int(worker.removeprefix("gw") or 0)
    address = urlsplit(given)
    base = int(address.path.strip("/") or 0)
    own = base if number == 0 else (base - 1 - number) % REDIS_DATABASES + 1
    return address._replace(path=f"/{own}").geturl()


REDIS_URL = redis_of(
    os.environ.get("PYTEST_XDIST_WORKER", ""),
    os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/15"),
)


def database() -> str:
    """Return which database the suite ran on."""
    config = settings.DATABASES["default"]
    if "sqlite" in config["ENGINE"]:
        return "SQLite"
    return f"{config['ENGINE'].rpartition('.')[2]} at {config['HOST'] or 'its socket'}"


@cache
def missing_postgres() -> str:
    if "postgresql" in settings.DATABASES["default"]["ENGINE"]:
        return ""
    return "PostgreSQL: DATABASE_URL names no PostgreSQL server"


@cache
def missing_redis() -> str:
    if find_spec("redis") is None:
        return "Redis: its Python client is not installed"
    address = urlsplit(REDIS_URL)
    try:
        with socket.create_connection(
            (address.hostname or "127.0.0.1", address.port or 6379), timeout=2
        ) as connection:
            connection.sendall(b"PING\r\n")
            answer = connection.recv(64)
    except OSError as error:
        return f"Redis: {address.hostname}:{address.port} does not answer ({error})"
    return "" if answer.startswith((b"+PONG", b"-NOAUTH")) else f"Redis: it answered {answer!r}"


def chromium() -> str:
    """Return the path of Chromium, or an empty string."""
    wanted = os.environ.get("CHROMIUM", "")
    names = [wanted] if wanted else ["chromium", "chromium-browser", "google-chrome"]
    return next((path for name in names if (path := shutil.which(name))), "")


@cache
def missing_browser() -> str:
    if find_spec("playwright") is None:
        return "Chromium: playwright is not installed"
    return "" if chromium() else "Chromium: not found (CHROMIUM may name it)"


def java_version(said: str) -> int:
    """Return the number of the version that `java -version` tells of; 0 where there is none."""
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else 0


@cache
def missing_spark() -> str:
    if find_spec("pyspark") is None:
        return "Spark: pyspark is not installed"
    if (java := shutil.which("java")) is None:
        return "Spark: there is no Java"
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = java_version(told.stderr)
    return "" if version >= JAVA else f"Spark: it needs Java {JAVA}, here is {version}"


#: Marker of a test → why it cannot run here; an empty reason means that it can.
MISSING = {
    "browser": missing_browser,
    "postgres": missing_postgres,
    "redis": missing_redis,
    "spark": missing_spark,
}

#: What others recorded, which no repository holds: its tests skip where it is not there.
DATA = ("ml1m", "vectors")
_found: set[str] = set()


def _missing_data() -> list[str]:
    return [
        f"Recorded data: there is no folder “{name}”, and what is measured against it skips"
        for name in DATA
        if not (folder() / name).is_dir()
    ]


def lacks(reason: str) -> None:
    """Remember what a test could only find missing by trying, for the end of the run."""
    _found.add(reason)


def found_missing() -> list[str]:
    return sorted(_found)


def missing() -> list[str]:
    return (
        [reason for why in MISSING.values() if (reason := why())]
        + _missing_data()
        + found_missing()
    )
