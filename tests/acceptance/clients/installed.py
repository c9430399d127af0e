"""Where the unmodified clients are: fetched once, by their pins, into the cache of the checks.

Each client of Python has a folder of its own. In one environment with others, pip falls
back to a release of years ago for some of them and says nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp

from scripts.bootstrap import alone

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("CI_CACHE") or HERE.parents[2] / ".ci-cache") / "clients"
#: Seconds; an index that is out of reach is known to be so long before.
PATIENCE = 240


class NotInstalled(Exception):
    """A client cannot be had on this machine; the message says why."""


#: What could not be fetched: asked for once in a run, not by every test anew.
_failed: dict[str, NotInstalled] = {}


def python_folder(name: str) -> Path:
    """Return the folder of the packages that `NAME.txt` pins.

    :raises NotInstalled: when pip cannot fetch them.
    """
    pins = HERE / f"{name}.txt"

    def fetch(folder: Path) -> Sequence[str]:
        options = ["--no-deps", "--no-input", "--quiet", "--retries", "1"]
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
        return [*pip, *options, "--target", str(folder), "--requirement", str(pins)]

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return _kept(f"{name}-{version}", [pins], fetch)


def node_folder(pins: Path = HERE, *, name: str = "node") -> Path:
    """Return the `node_modules` that the lock in `pins` describes.

    :raises NotInstalled: without Node, or when npm cannot fetch them.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise NotInstalled("clients of JavaScript: node and npm are needed")
    files = [pins / "package.json", pins / "package-lock.json"]

    def fetch(folder: Path) -> Sequence[str]:
        for file in files:
            shutil.copy(file, folder)
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        return [npm, "ci", "--prefix", str(folder), "--fetch-retries=1", *quiet]

    return _kept(name, files, fetch) / "node_modules"


def _kept(name: str, pins: Sequence[Path], fetch: Callable[[Path], Sequence[str]]) -> Path:
    """Return the folder of `name`, filled by the command that `fetch` returns."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in pins)).hexdigest()[:12]
    folder = CACHE / f"{name}-{digest}"
    if name in _failed:
        raise _failed[name]
    CACHE.mkdir(parents=True, exist_ok=True)
    with alone(CACHE):  # tests run in several processes
        if folder.is_dir():
            return folder
        unfinished = Path(mkdtemp(prefix=f"{name}-", dir=CACHE))
        try:
            _run(name, fetch(unfinished))
            unfinished.rename(folder)
        except NotInstalled as error:
            _failed[name] = error
            raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _run(name: str, command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"client {name}: not fetched within {PATIENCE} s") from None
    if done.returncode:
        errors = ("ERROR", "npm error")
        said = [line for line in done.stderr.splitlines() if line.startswith(errors)] or ["?"]
        raise NotInstalled(f"client {name}: it could not be fetched ({said[0][:200]})")
