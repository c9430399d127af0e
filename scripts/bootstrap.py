"""Set up `.venv` beside manage.py, once, with nothing but the standard library.

Called by manage.py. Inside a virtual environment it touches nothing: whoever
made that environment decides what is in it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STATE = VENV / "personalization.json"
PINS = ROOT / "constraints.txt"

# One module of each extra that a command may need.
MODULES = {"demo": "environ", "dev": "pytest", "postgres": "psycopg", "redis": "redis"}

# pip would fetch an unpinned build backend; installed first, it is pinned like the rest.
BACKEND = ["hatchling", "editables"]

# What pip's lines begin with that tell how far it is.
STEPS = ("Collecting", "Downloading", "Using cached", "Installing", "Successfully")

NO_VENV = """This Python ({python}) cannot make virtual environments: its {module} module is missing.
Install it and run the same command again:
  Debian, Ubuntu:  apt install python3-venv
  other systems:   install Python from python.org or your package manager, complete with pip"""

FOREIGN = """There is a {venv} that manage.py did not make, so it is left alone.
Activate it to use it, or move it away to let manage.py make its own."""

MISSING = """The module {module} is missing in the virtual environment {prefix}.
Install what the project needs into it:
  {python} -m pip install -c constraints.txt -e ".[{extras}]"
or leave it (deactivate), and manage.py makes an environment of its own."""

NO_INSTALL = """Installing the dependencies failed (exit code {code}). The last lines of pip:

{tail}

If this machine cannot reach a package index, set pip up for one that it can reach.
The next start tries again."""


class SetupError(Exception):
    """The environment cannot be set up; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What the environment was made for; complete only when it has `pins`."""

    home: str = ""
    extras: list[str] = field(default_factory=list)
    pins: str = ""


def prepare(*, testing: bool) -> None:
    """Return if this process can run the command; otherwise replace it by one that can."""
    extras = wanted_extras({**dotenv(), **os.environ}, testing=testing)
    if sys.prefix != sys.base_prefix:
        check_active_environment(testing=testing, extras=extras)
        return
    try:
        with alone(ROOT):
            if not is_ready(extras):
                set_up(extras)
    except OSError as error:
        raise SetupError(f"The environment in {VENV} cannot be set up: {error}") from error
    become([str(PYTHON), str(ROOT / "manage.py"), *sys.argv[1:]])


def run_tests(arguments: list[str]) -> NoReturn:
    """Become pytest, in the root of the repository."""
    os.chdir(ROOT)
    become([sys.executable, "-m", "pytest", *arguments])


def dotenv() -> dict[str, str]:
    """Return what the demo's settings will read from `.env`, as far as it matters here."""
    file = ROOT / ".env"
    lines = file.read_text().splitlines() if file.is_file() else []
    pairs = (line.removeprefix("export ").partition("=") for line in lines)
    return {name.strip(): value.strip(" '\"") for name, _, value in pairs}


def wanted_extras(environment: Mapping[str, str], *, testing: bool) -> set[str]:
    """Return the extras that the command needs under `environment`."""
    if testing:
        return {"demo", "dev", "postgres", "redis"}
    extras = {"demo"}
    if environment.get("DATABASE_URL", "").startswith(("postgres", "pgsql", "psql")):
        extras.add("postgres")
    services = (environment.get(name, "") for name in ("CELERY_BROKER_URL", "REDIS_URL"))
    if any(url.startswith("redis") for url in services):
        extras.add("redis")
    return extras


def check_active_environment(*, testing: bool, extras: set[str]) -> None:
    """Raise for the first thing that the command cannot start without."""
    # The tests of a service skip, and say so, where its client is not installed.
    needed = {"demo", "dev"} if testing else extras
    for module in ["django", *(MODULES[extra] for extra in sorted(needed))]:
        if importlib.util.find_spec(module) is None:
            raise SetupError(
                MISSING.format(
                    module=module,
                    prefix=sys.prefix,
                    python=sys.executable,
                    extras=",".join(sorted(extras)),
                )
            )


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold off a second start while the first one is setting up."""
    try:
        import fcntl
    except ImportError:  # Windows: two first starts at once are not guarded against
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def home() -> str:
    """Return what a virtual environment is bound to: it can be neither moved nor shared."""
    return f"{ROOT} {sys.version}"


def pins() -> str:
    """Return a digest of everything that decides what is installed."""
    return hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + PINS.read_bytes()).hexdigest()


def read_state() -> State | None:
    """Return what the last set-up left; nothing for an environment made by somebody else."""
    try:
        return State(**json.loads(STATE.read_text()))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError):
        return State()


def write_state(state: State) -> None:
    unfinished = STATE.with_suffix(".tmp")
    unfinished.write_text(json.dumps(asdict(state)))
    unfinished.replace(STATE)


def is_ready(extras: set[str]) -> bool:
    state = read_state()
    return (
        state is not None
        and state.home == home()
        and state.pins == pins()
        and extras.issubset(state.extras)
        and PYTHON.exists()
    )


def set_up(extras: set[str]) -> None:
    """Make or renew the environment. Only the last step calls it complete."""
    started = time.monotonic()
    state = read_state()
    if state is None and VENV.exists() and any(VENV.iterdir()):
        raise SetupError(FOREIGN.format(venv=VENV))
    state = state or State()
    extras = extras.union(state.extras)
    if not (state.home == home() and state.pins and PYTHON.exists()):
        create()
    # Without its pins the environment counts as half-made until the install has ended.
    half_made = State(home=home(), extras=sorted(extras))
    write_state(half_made)
    names = ",".join(half_made.extras)
    say(f"Installing the pinned dependencies ({names}); this is done once.")
    pip("install", "-c", str(PINS), *BACKEND)
    pip("install", "-c", str(PINS), "--no-build-isolation", "-e", f"{ROOT}[{names}]")
    write_state(replace(half_made, pins=pins()))
    say(f"Ready after {time.monotonic() - started:.0f} s.")


def create() -> None:
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupError(NO_VENV.format(python=sys.executable, module=module))
    say(f"Making a virtual environment in {VENV} (Python {sys.version.split()[0]}).")
    if VENV.exists():
        shutil.rmtree(VENV)
    VENV.mkdir()
    write_state(State())
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise SetupError(f"{made.stdout}{made.stderr}".strip())


def pip(*arguments: str) -> None:
    """Run pip in the environment: one changing line on a terminal, all of it on failure."""
    lines: list[str] = []
    with subprocess.Popen(
        [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"},
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            show(lines[-1])
    clear()
    if process.returncode:
        raise SetupError(NO_INSTALL.format(code=process.returncode, tail="\n".join(lines[-12:])))


def show(line: str) -> None:
    """Rewrite the line on a terminal with the step that pip tells of."""
    if sys.stdout.isatty() and line.strip().startswith(STEPS):
        width = shutil.get_terminal_size().columns - 3
        sys.stdout.write(f"\r\x1b[K  {line.strip()[:width]}")
        sys.stdout.flush()


def clear() -> None:
    if sys.stdout.isatty():
        sys.stdout.write("\r\x1b[K")


def say(line: str) -> None:
    print(line, flush=True)


def become(command: list[str]) -> NoReturn:
    """Replace this process; Windows has no such call and gets a child instead."""
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)  # noqa: S606 - a path of our own, no shell
