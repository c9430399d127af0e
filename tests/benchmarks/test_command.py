"""`manage.py benchmark`, as somebody who just cloned the repository runs it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from project.benchmarks.results import Result
from project.shop.management.commands import benchmark

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = ("--seconds=0.2", "--repeat=2", "--stored=400", "--without-peer")

#: Seconds after which a command hangs. A server that has much to write down takes minutes for it
#: before it makes or drops a database.
PATIENCE = 900
pytestmark = pytest.mark.timeout(PATIENCE)


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
        timeout=0.95 * PATIENCE,
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
        "queries_0_segments",
        "added_ms_0_segments",
        "queries_10_segments",
        "added_ms_10_segments",
        "queries_50_segments",
        "added_ms_50_segments",
        "queries_200_segments",
        "added_ms_200_segments",
        "growth_200_over_10_segments",
        "growth_cpu_200_over_10_segments",
        "exposures_ms_50_segments",
        "queries_50_request_rules",
        "added_ms_50_request_rules",
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
    "timemachine": ["sample_seconds", "exact_seconds"],
}


@pytest.mark.parametrize(
    "name",
    [
        "timemachine",
        *(pytest.param(each, marks=pytest.mark.slow) for each in NAMES if each != "timemachine"),
    ],
)
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
        assert math.isfinite(result["value"])
        assert math.isfinite(result["ratio"])
        if "added" not in result["name"] and not result["name"].startswith("growth"):
            # A difference of two times may be less than nothing on a busy machine.
            assert result["value"] >= 0
            assert result["ratio"] > 0
        assert result["unit"]
        assert result["floor"]
    assert list(tmp_path.iterdir()) == [], "the demo's database was touched"


@pytest.mark.slow
def test_what_the_law_says_of_reads_holds(database_url: str) -> None:
    done = run("render", "--json", *TINY, database_url=database_url)
    values = {result["name"]: result["value"] for result in json.loads(done.stdout)["results"]}
    assert values["queries_known_visitor"] == 1
    assert values["queries_unknown_visitor"] == 0
    assert {values[f"queries_{n}_segments"] for n in (0, 10, 50, 200)} == {1}
    assert values["queries_50_request_rules"] == 1


@pytest.mark.slow
def test_without_json_it_prints_a_table(database_url: str) -> None:
    done = run("render", *TINY, database_url=database_url)
    assert done.returncode == 0, done.stderr
    title, *rows = done.stdout.splitlines()
    assert title.startswith("render (python 3.")
    assert [row.split()[0] for row in rows] == NAMES["render"]
    assert all("the same page without the app" in row for row in rows)
    assert "wagtail" not in done.stdout


@pytest.mark.postgres
@pytest.mark.django_db
def test_nothing_is_left_on_the_server() -> None:
    # By a name of its own: other tests measure at the same time.
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/left_{os.getpid()}").geturl()
    assert run("render", *TINY, database_url=url).returncode == 0
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT datname FROM pg_database WHERE datname LIKE '%left_{os.getpid()}'")
        assert cursor.fetchall() == []


@pytest.mark.parametrize("name", [["rendr"], []], ids=["unknown", "none"])
def test_without_a_name_that_is_known_the_names_are_listed(name: list[str]) -> None:
    there_are = (
        "There are: experiments, faults, ingest, models, render, rules, timemachine, tracker."
    )
    with pytest.raises(CommandError, match=f"no benchmark “.*”. {there_are}"):
        call_command("benchmark", *name)


@pytest.mark.parametrize("option", ["--repeat=0", "--seconds=-1", "--seconds=inf", "--seconds=nan"])
def test_a_senseless_effort_is_refused(option: str) -> None:
    with pytest.raises(CommandError, match="--repeat is 1 at least"):
        call_command("benchmark", "render", option)


@pytest.mark.django_db  # it says which version of the database it is
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
