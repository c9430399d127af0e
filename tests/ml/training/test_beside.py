"""Without Celery, models are trained by a process beside the worker, one of a kind at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from personalization.management import beside
from personalization.management.beside import Beside, environment
from personalization.management.commands import run_worker
from personalization.ml.models import ModelVersion
from personalization.ml.training import train
from personalization.ml.training.attempts import request
from tests.ml.training.conftest import HOUR, MINUTE, NOW, SECOND
from tests.ml.training.counting import plan

pytestmark = pytest.mark.django_db
Shop = Callable[..., None]
Trained = Callable[..., ModelVersion]


class Processes:
    """Those that were started; each is at work until `over` is set."""

    def __init__(self) -> None:
        #: The option of each training, and the names of the other commands.
        self.started: list[str] = []
        self.others: list[str] = []
        self.over = True
        #: Options of trainings that are over though others are not.
        self.ended: set[str] = set()

    def start(self, command: list[str], **how: Any) -> Process:
        assert command[1:3] == ["-m", "django"]
        assert command[3] in (
            "train_models",
            "check_models",
            "refresh_experiments",
            "update_bandits",
        )
        if command[3] == "train_models":
            self.started.append(command[4])
        else:
            self.others.append(command[3])
        assert how["env"]["DJANGO_SETTINGS_MODULE"] == "tests.settings"
        return Process(self, command[-1])


@dataclass(frozen=True)
class Process:
    """One of them, by its last word."""

    among: Processes
    word: str

    def poll(self) -> int | None:
        return 0 if self.among.over or self.word in self.among.ended else None

    def wait(self) -> int:
        return 0


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    found = Processes()
    monkeypatch.setattr(beside.subprocess, "Popen", found.start)
    return found


def test_what_is_due_is_trained_and_what_serves_refreshed(
    shop: Shop, trained: Trained, processes: Processes
) -> None:
    work = Beside()
    assert work(now=NOW) == 1
    assert processes.started == ["--due"]
    trained(now=NOW)
    work(now=NOW + HOUR)
    assert processes.started == ["--due", "--refresh"]
    work.wait()


def test_what_was_asked_for_is_trained(shop: Shop, trained: Trained, processes: Processes) -> None:
    trained(now=NOW)
    shop(plan(refresh=""))
    Beside()(now=NOW + HOUR)
    assert processes.started == []
    request(plan(), now=NOW + HOUR)
    Beside()(now=NOW + HOUR)
    assert processes.started == ["--due"]


def test_it_is_looked_now_and_then(shop: Shop, trained: Trained, processes: Processes) -> None:
    trained(now=NOW)
    work = Beside()
    for seconds in range(0, 601, 30):
        work(now=NOW + MINUTE + seconds * SECOND)
    assert processes.started == ["--refresh"] * 3


def test_drift_and_age_are_looked_for_once_a_day_where_something_serves(
    shop: Shop, trained: Trained, processes: Processes
) -> None:
    Beside()(now=NOW + MINUTE)
    assert "check_models" not in processes.others
    trained(now=NOW)
    work = Beside()
    for hours in range(1, 49):
        work(now=NOW + hours * HOUR)
    assert processes.others.count("check_models") == 2


def test_none_is_started_while_the_one_before_is_at_it(shop: Shop, processes: Processes) -> None:
    work, processes.over = Beside(), False
    assert [work(now=NOW + n * MINUTE) for n in range(5)] == [1, 0, 0, 0, 0]
    processes.over = True
    assert work(now=NOW + 5 * MINUTE) == 1


def test_a_refresh_waits_for_no_training(
    shop: Shop, trained: Trained, processes: Processes
) -> None:
    trained(now=NOW)
    request(plan(), now=NOW + HOUR)
    work, processes.over = Beside(), False
    work(now=NOW + HOUR)
    assert processes.started == ["--due", "--refresh"]
    processes.ended.add("--refresh")  # the training goes on
    for minutes in range(1, 13):
        work(now=NOW + HOUR + minutes * MINUTE)
    assert processes.started == ["--due"] + 4 * ["--refresh"]


def test_without_the_extra_nothing_is_started(
    shop: Shop, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    assert Beside()(now=NOW) == 0
    assert processes.started == []


def test_the_worker_has_it_beside_unless_it_does_one_round_only(
    shop: Shop, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("run_worker", "--once")
    assert processes.started == []

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("personalization.management.loop.time.sleep", interrupted)
    # The connection is the test's own, in the middle of its transaction.
    monkeypatch.setattr("personalization.management.loop.close_old_connections", lambda: None)
    call_command("run_worker")
    assert processes.started == ["--due"]
    assert run_worker.Worker()(now=NOW) == 0


def test_the_process_finds_the_settings_wherever_it_is_started(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "django", "train_models", "--help"],
        env={**environment(), "PATH": os.environ.get("PATH", "")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--refresh" in shown.stdout
