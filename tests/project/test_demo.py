from __future__ import annotations

import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError, OutputWrapper

from project.environment import BASE_DIR
from project.shop.management.commands.demo import (
    held_out_words,
    read_port,
    require_free,
)
from project.shop.playback import unfinished_run
from project.shop.progress import Progress


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_one_clear_line(taken_port: int) -> None:
    with pytest.raises(CommandError) as caught:
        require_free(taken_port)
    assert re.fullmatch(
        rf"Port {taken_port} cannot be used \(address already in use\): .*DEMO_PORT=\d+\.",
        str(caught.value),
    )


@pytest.mark.parametrize("value", ["", "0", "65536", "-1", "http", "80 80"])
def test_a_port_is_a_number(value: str) -> None:
    with pytest.raises(CommandError, match="DEMO_PORT"):
        read_port(value)


def test_a_good_port_is_read() -> None:
    assert read_port("8001") == 8001


@pytest.mark.django_db
def test_a_run_is_played_until_it_is_finished() -> None:
    run = unfinished_run(seed=7, visitors=5)
    assert run is not None
    again = unfinished_run(seed=7, visitors=5)
    assert again is not None
    assert (again.pk, again.now) == (run.pk, run.now)
    run.finished_at = run.now
    run.save()
    assert unfinished_run(seed=7, visitors=5) is None


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal() -> None:
    out = Terminal()
    bar = Progress("Walking", total=4, out=OutputWrapper(out))
    bar.show(2)
    bar.show(4)
    bar.finish()
    assert out.getvalue().count("\r") == 2
    assert out.getvalue().endswith("█ 100 %\n")


def test_progress_is_a_few_lines_in_a_log() -> None:
    out = StringIO()
    bar = Progress("Walking", total=100, out=OutputWrapper(out))
    for done in range(101):
        bar.show(done)
    bar.finish()
    assert out.getvalue().splitlines() == [f"Walking {n:3} %" for n in range(0, 101, 20)]


@pytest.mark.django_db
def test_the_simulator_says_what_it_lacks() -> None:
    with pytest.raises(CommandError, match="seed_demo"):
        call_command("simulate_visitors", visitors=1, stdout=StringIO())


def trained_in(folder: Path) -> set[str]:
    """Return the models of which there is a version in the demo's database."""
    with closing(sqlite3.connect(folder / "demo.sqlite3")) as database:
        return {
            name for (name,) in database.execute("SELECT name FROM personalization_modelversion")
        }


@pytest.mark.slow
def test_the_demo_starts_tells_and_stops(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": "/usr/bin:/bin",
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'demo.sqlite3'}",
        "DEMO_DIR": str(tmp_path / "state"),
        "DEMO_PORT": str(port),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "django", "demo", "--visitors", "12", "--crowd", "12"]
    command += ["--planted", "3"]
    for _ in range(2):  # the second start goes on with what is there
        with subprocess.Popen(
            command, cwd=BASE_DIR, env=environment, stdout=subprocess.PIPE, text=True
        ) as demo:
            assert demo.stdout
            said = []
            for line in demo.stdout:
                said.append(line)
                if "Ctrl-C" in line:
                    break
            if "on their way" in "".join(said):
                said += [demo.stdout.readline(), demo.stdout.readline()]
                assert "All 12 have been here." in said[-2]
                assert "Models are learned now" in said[-1]
            home = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60)  # noqa: S310
            assert b"Larkfell" in home.read()
            demo.send_signal(signal.SIGINT)
            said += demo.stdout.readlines()
        assert demo.returncode == 0
        assert f"http://127.0.0.1:{port}/admin/personalization/segment/" in "".join(said)
        assert "admin / admin" in "".join(said)
        assert said[-1].startswith("Stopped.")
        require_free(port)
        assert "worker-of-models.log" in {log.name for log in tmp_path.rglob("*.log")}
    assert {"recommend", "cluster.personas", "propensity.order"} <= trained_in(tmp_path)
    assert "Simulating" not in "".join(said)
    assert "on their way" not in "".join(said)


@pytest.mark.parametrize(
    ("holdout", "of_all", "told"),
    [(0.1, 0.02, "one visitor in 8"), (0.5, 0.0, "one visitor in 2"), (0.0, 0.02, "visitor in 50")],
)
def test_the_demo_says_how_many_are_shown_the_default_on_purpose(
    holdout: float, of_all: float, told: str, settings: Any
) -> None:
    settings.PERSONALIZATION_HOLDOUT, settings.PERSONALIZATION_GLOBAL_HOLDOUT = holdout, of_all
    words = held_out_words("http://127.0.0.1:8000/preview")
    assert told in words
    assert words.endswith("http://127.0.0.1:8000/preview\n")


def test_where_nobody_is_held_out_nothing_is_said_of_it() -> None:
    assert held_out_words("http://127.0.0.1:8000/preview") == ""
