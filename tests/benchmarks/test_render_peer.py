"""The peer is installed once, apart, and what stands in its way is told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from project.benchmarks import render_peer
from project.benchmarks.render_peer import PeerUnavailable, measure_peer
from tests.benchmarks.test_command import PATIENCE, run


class Programs:
    """Stands in for all programs that are run; pip fails if it is told to."""

    def __init__(self) -> None:
        self.commands: list[Sequence[str]] = []
        self.environments: list[dict[str, str]] = []
        self.offline = False

    def __call__(self, command: Sequence[str], *, patience: float, **environment: str) -> str:
        self.commands.append(command)
        self.environments.append(environment)
        if self.offline and "pip" in command:
            raise PeerUnavailable("No matching distribution")
        if "venv" in command:
            Path(command[-1]).mkdir()
        if "measure_peer" not in command:
            return ""
        sizes = [int(one) for one in command[4 : command.index("--seconds")]]
        costs = [
            {"segments": n, "queries": 5 + n, "time": 0.01 + n / 1000, "cpu_time": 0.01}
            for n in sizes
        ]
        return "something else\n" + json.dumps(costs)

    def named(self, name: str) -> list[Sequence[str]]:
        return [command for command in self.commands if name in command]


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Programs:
    programs = Programs()
    monkeypatch.setattr(render_peer, "_call", programs)
    monkeypatch.setattr(render_peer, "HOME", tmp_path / "peer")
    return programs


def test_the_peer_runs_on_the_django_that_runs_here() -> None:
    wanted = render_peer.requirements()
    assert wanted[0] == "wagtail-personalisation==1.0.0"
    assert f"django=={version('django')}" in wanted
    assert any(one.startswith("psycopg") for one in wanted) == (connection.vendor == "postgresql")


def test_it_is_installed_once(programs: Programs) -> None:
    measure_peer(seconds=0, rounds=1)
    measure_peer(seconds=0, rounds=1)
    (installing,) = programs.named("install")
    assert set(render_peer.requirements()) <= set(installing)
    assert len(programs.named("measure_peer")) == 4


def test_a_half_made_environment_is_made_anew(programs: Programs) -> None:
    programs.offline = True
    with pytest.raises(PeerUnavailable, match="No matching distribution"):
        measure_peer(seconds=0, rounds=1)
    programs.offline = False
    measure_peer(seconds=0, rounds=1)
    assert len(programs.named("venv")) == 2


def test_the_page_is_measured_without_it_and_with_each_number_of_segments(
    programs: Programs,
) -> None:
    peer = measure_peer(seconds=0, rounds=1)
    assert peer.name == "wagtail-personalisation 1.0.0"
    assert peer.wagtail.startswith("Wagtail 8")
    assert peer.plain.queries == 5
    assert {n: cost.queries for n, cost in peer.costs.items()} == {0: 5, 10: 15, 50: 55}
    assert peer.added_ms(50) == pytest.approx(50)
    sites = [json.loads(one["PEER_SITE"]) for one in programs.environments if one]
    assert [site["personalised"] for site in sites] == [False, True]
    assert {site["database"]["ENGINE"] for site in sites} == {connection.settings_dict["ENGINE"]}


def test_what_a_program_says_last_is_told_when_it_fails() -> None:
    failing = "import sys; print('first'); sys.exit('\\n'.join(str(n) for n in range(50)))"
    with pytest.raises(PeerUnavailable) as raised:
        render_peer._call([sys.executable, "-c", failing], patience=60)
    assert str(raised.value).endswith("48\n49")
    assert "first" not in str(raised.value)


def test_a_program_that_hangs_is_given_up() -> None:
    hanging = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(PeerUnavailable, match="took longer than 0 s"):
        render_peer._call(hanging, patience=0.1)


@pytest.mark.clients
@pytest.mark.timeout(PATIENCE)
def test_the_peer_itself_asks_more_with_every_segment(tmp_path: Path) -> None:
    given = os.environ.get("DATABASE_URL", "")
    url = given if given.startswith("postgres") else f"sqlite:///{tmp_path / 'demo.sqlite3'}"
    done = run("render", "--json", "--seconds=0.2", "--repeat=2", database_url=url)
    assert done.returncode == 0, done.stderr
    results = {one["name"]: one["value"] for one in json.loads(done.stdout)["results"]}
    queries: list[Any] = [results[f"peer_queries_{n}_segments"] for n in (0, 10, 50)]
    assert 0 < queries[0] < queries[1] - 10 < queries[2] - 50
    assert results["peer_time_ratio_50_segments"] > 1
