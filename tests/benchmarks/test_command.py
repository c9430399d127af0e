"""`manage.py benchmark`, as somebody who just cloned the repository runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from project.benchmarks.results import Result
from project.shop.management.commands import benchmark

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = ("--seconds=0.2", "--repeat=2", "--stored=400")


def run(*arguments: str, database_url: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own: it makes and drops databases."""
    environment = {**os.environ, "DATABASE_URL": database_url}
    environment["DJANGO_SETTINGS_MODULE"] = "project.settings"
    return subprocess.run(
        [sys.executable, "manage.py", "benchmark", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The database of the demo: the server of the test run, or a file that is not there."""
    given = os.environ.get("DATABASE_URL", "")
    return given if given.startswith("postgres") else f"sqlite:///{tmp_path / 'demo.sqlite3'}"


NAMES = {
    "render": [
        "queries_known_visitor",
        "added_time",
        "added_cpu_time",
        "queries_unknown_visitor",
        "added_time_unknown_visitor",
        "added_cpu_time_unknown_visitor",
    ],
    "ingest": [
        "single_vs_bare_view",
        "single_requests",
        "single_events",
        "batch20_vs_bare_view",
        "batch20_requests",
        "batch20_events",
        "batch100_vs_copy_view",
        "batch100_requests",
        "batch100_events",
        "batch100_vs_raw_copy_view",
        "worker_events_per_second",
        "worker_growth",
    ],
}


@pytest.mark.parametrize("name", NAMES)
def test_it_prints_one_object_of_the_promised_shape(
    name: str, database_url: str, tmp_path: Path
) -> None:
    done = run(name, "--json", *TINY, database_url=database_url)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) == {"benchmark", "versions", "results"}
    assert answer["benchmark"] == name
    assert {"python", "django", "database"} <= set(answer["versions"])
    assert [result["name"] for result in answer["results"]] == NAMES[name]
    for result in answer["results"]:
        assert set(result) == {"name", "value", "unit", "floor", "ratio"}
        assert isinstance(result["value"], int | float)
        assert result["value"] >= 0
        assert result["ratio"] > 0
        assert result["unit"]
        assert result["floor"]
    assert list(tmp_path.iterdir()) == [], "the demo's database was touched"


def test_what_the_law_says_of_reads_holds(database_url: str) -> None:
    done = run("render", "--json", *TINY, database_url=database_url)
    values = {result["name"]: result["value"] for result in json.loads(done.stdout)["results"]}
    assert values["queries_known_visitor"] == 1
    assert values["queries_unknown_visitor"] == 0


def test_without_json_it_prints_a_table(database_url: str) -> None:
    done = run("render", *TINY, database_url=database_url)
    assert done.returncode == 0, done.stderr
    title, *rows = done.stdout.splitlines()
    assert title.startswith("render (python 3.")
    assert [row.split()[0] for row in rows] == NAMES["render"]
    assert all("the same page without the app" in row for row in rows)


@pytest.mark.postgres
@pytest.mark.django_db
def test_nothing_is_left_on_the_server() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'benchmark_%'")
        before = set(cursor.fetchall())
        run("render", *TINY, database_url=os.environ["DATABASE_URL"])
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'benchmark_%'")
        assert set(cursor.fetchall()) <= before


@pytest.mark.parametrize("name", [["rendr"], []], ids=["unknown", "none"])
def test_without_a_name_that_is_known_the_names_are_listed(name: list[str]) -> None:
    with pytest.raises(CommandError, match="no benchmark “.*”. There are: faults, ingest, render."):
        call_command("benchmark", *name)


@pytest.mark.parametrize("option", ["--repeat=0", "--seconds=-1", "--seconds=inf", "--seconds=nan"])
def test_a_senseless_effort_is_refused(option: str) -> None:
    with pytest.raises(CommandError, match="--repeat is 1 at least"):
        call_command("benchmark", "render", option)


def test_the_effort_reaches_the_benchmark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def measure(effort: Any) -> Sequence[Result]:
        asked.append(effort)
        return [Result(name="x", value=2, unit="things")]

    monkeypatch.setitem(benchmark.benchmarks._entries, "render", measure)
    call_command("benchmark", "render", "--json", "--seconds=3", "--repeat=4")
    assert (asked[0].seconds, asked[0].rounds) == (3, 4)
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result == {"name": "x", "value": 2, "unit": "things", "floor": None, "ratio": None}
    call_command("benchmark", "render")
    assert capsys.readouterr().out.splitlines()[1].split() == ["x", "2", "things"]
