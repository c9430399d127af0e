"""What the demo does every few minutes is done while a training goes on, and events are, too."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, _state
from celery.contrib.testing.worker import start_worker
from celery.signals import setup_logging

from personalization import tasks
from personalization.hints import (
    BEAT_SCHEDULE,
    PROCESS_EVENTS,
    REFRESH_EXPERIMENTS,
    REFRESH_MODELS,
    TRAIN_MODELS,
    UPDATE_BANDITS,
)
from project.queues import QUEUES, ROUTES
from project.shop.management.commands.demo import workers

PATIENCE = 60.0


class Site:
    """The tasks of the package by their names; a training goes on until `over` is set."""

    def __init__(self) -> None:
        self.app = Celery("queues", broker="memory://queues", set_as_current=False)
        self.app.conf.broker_transport_options = {"polling_interval": 0.02}
        self.app.conf.task_routes = ROUTES
        self.over = threading.Event()
        self.begun = {name: threading.Event() for name in BEAT_SCHEDULE}
        #: How many trainings have ended.
        self.ended = threading.Semaphore(0)
        for name in BEAT_SCHEDULE:  # each app has the tasks of the package as its own
            self.app.tasks[name].run = self._work(name)

    def _work(self, name: str) -> Callable[[], None]:
        def work() -> None:
            self.begun[name].set()
            if name == TRAIN_MODELS:
                self.over.wait(PATIENCE)
                self.ended.release()

        return work

    def quiet(self) -> None:
        """End the training that goes on, and forget what has begun."""
        self.over.set()
        assert self.ended.acquire(timeout=PATIENCE)
        self.over.clear()
        for begun in self.begun.values():
            begun.clear()

    def sweep(self, name: str) -> None:
        """Send what the clock sends."""
        self.app.send_task(name, **BEAT_SCHEDULE[name]["options"])


def queues_of(arguments: list[str]) -> list[str]:
    return [arguments[at + 1] for at, each in enumerate(arguments) if each == "-Q"]


def left_as_it_is(**how: Any) -> None:
    """Stand for a logging of the site's own, which Celery does not touch."""


@pytest.fixture(scope="module")
def workers_of_the_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a worker for each that the demo starts, on the queues that it has there."""
    site, default, current = Site(), _state.default_app, _state.get_current_app()
    with ExitStack() as stack:
        # A worker makes its app that of the whole process, and its logging that of all loggers:
        # warnings would be heard by nobody, in the tests that follow as well.
        stack.callback(_state.set_default_app, default)
        stack.callback(current.set_current)
        setup_logging.connect(left_as_it_is)
        stack.callback(setup_logging.disconnect, left_as_it_is)
        stack.callback(logging.captureWarnings, False)
        stack.callback(site.app.close)
        folder = tmp_path_factory.mktemp("demo")
        for arguments in workers(folder).values():
            queues = queues_of(arguments) or [site.app.conf.task_default_queue]
            how = {"pool": "solo", "perform_ping_check": False, "queues": queues}
            stack.enter_context(start_worker(site.app, **how))
        stack.callback(site.over.set)
        yield site


@pytest.fixture
def site(workers_of_the_demo: Site) -> Iterator[Site]:
    yield workers_of_the_demo
    workers_of_the_demo.quiet()


@pytest.mark.parametrize(
    "name", [REFRESH_MODELS, UPDATE_BANDITS, REFRESH_EXPERIMENTS, PROCESS_EVENTS]
)
def test_nothing_that_is_done_every_few_minutes_waits_for_a_training(site: Site, name: str) -> None:
    site.sweep(TRAIN_MODELS)
    assert site.begun[TRAIN_MODELS].wait(PATIENCE)
    site.sweep(name)
    assert site.begun[name].wait(PATIENCE / 2)
    assert not site.over.is_set()


def test_workers_in_this_process_leave_its_logging_as_it_was(workers_of_the_demo: Site) -> None:
    assert logging.getLogger("personalization").isEnabledFor(logging.WARNING)


def test_each_queue_has_a_worker_and_one_worker_has_the_clock(tmp_path: Path) -> None:
    started = list(workers(tmp_path).values())
    listened = [queue for arguments in started for queue in queues_of(arguments)]
    assert sorted(listened) == sorted(QUEUES)
    assert sum("-B" in arguments for arguments in started) == 1
    assert sum(not queues_of(arguments) for arguments in started) == 1


def test_what_has_a_queue_is_a_task_of_the_schedule() -> None:
    assert set(ROUTES) <= set(BEAT_SCHEDULE)
    assert {queue["queue"] for queue in ROUTES.values()} == set(QUEUES)


def test_the_documentation_says_the_same() -> None:
    text = (Path(tasks.__file__).parents[1] / "docs/howto/train-models.md").read_text()
    for task, route in ROUTES.items():
        assert f'"{task}": {{"queue": "{route["queue"]}"}}' in text
