"""Law 4, with everything killed that can be: see project/benchmarks/faults.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from project.benchmarks.faults_ordeal import has_postgres, has_redis

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc here"),
]


#: The command, on a machine that has neither server.
WITHOUT = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
from django.core.management import execute_from_command_line
from project.benchmarks import faults_servers
faults_servers.postgres_programs = faults_servers.redis_program = lambda: None
execute_from_command_line(sys.argv)
"""


def run(*program: str, seconds: int) -> dict[str, Any]:
    """Run a short ordeal and return the results by name."""
    # It brings its own servers; the database of this run is only made under another name.
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, *program, "benchmark", "faults", "--json", f"--seconds={seconds}"],
        cwd=ROOT,
        env={**environment, "DJANGO_SETTINGS_MODULE": "project.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {result["name"]: result for result in json.loads(done.stdout)["results"]}


def test_nothing_is_lost_and_nothing_is_doubled_whoever_is_killed() -> None:
    found = run("manage.py", seconds=4)
    values = {name: result["value"] for name, result in found.items()}
    assert values["kills"] == 8
    assert values["acknowledged"] > 100
    assert values["sent_again"] > 0, "nobody noticed a kill"
    assert (values["lost"], values["doubled"], values["differences"]) == (0, 0, 0)
    about = found["kills"]["floor"]
    assert ("LEFT OUT" in about) == (not has_postgres() or not has_redis())
    assert "web" in about
    assert "worker" in about


def test_a_machine_with_neither_server_tries_what_it_can_and_says_so() -> None:
    found = run("-c", WITHOUT, seconds=2)
    values = {name: result["value"] for name, result in found.items()}
    assert values["kills"] == 4
    assert values["acknowledged"] > 50
    assert (values["lost"], values["doubled"], values["differences"]) == (0, 0, 0)
    about = found["kills"]["floor"]
    assert "SQLite" in about
    assert "LEFT OUT: PostgreSQL" in about
    assert "LEFT OUT: Redis" in about
