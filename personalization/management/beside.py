"""Models are trained beside the worker, by a process of its own: events wait for no training."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.conf import settings

from personalization.ml.training.attempts import open_trainings
from personalization.ml.training.known import planned
from personalization.ml.training.schedule import due
from personalization.ml.training.train import can_train
from personalization.ml.training.versions import serving

#: How often it is looked whether there is something to train, and to refresh.
TRAIN_EVERY, REFRESH_EVERY = timedelta(minutes=1), timedelta(minutes=4)


class Beside:
    """Starts a process for what there is to do, and none while the one before is at it."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._next: dict[str, datetime] = {}

    def __call__(self, *, now: datetime) -> int:
        """Return how many processes were started."""
        if not can_train():
            return 0
        started = self._start("--due", now=now, every=TRAIN_EVERY, needed=_is_due)
        return started + self._start(
            "--refresh", now=now, every=REFRESH_EVERY, needed=_is_refreshable
        )

    def wait(self) -> None:
        """Wait for the processes that are at work."""
        for running in self._running.values():
            running.wait()

    def _start(
        self, option: str, *, now: datetime, every: timedelta, needed: Callable[[datetime], bool]
    ) -> int:
        running = self._running.get(option)
        if (running and running.poll() is None) or now < self._next.get(option, now):
            return 0
        self._next[option] = now + every
        if not needed(now):
            return 0
        self._running[option] = subprocess.Popen(
            [sys.executable, "-m", "django", "train_models", option],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        return 1


def environment() -> Mapping[str, str]:
    """Return the variables that let a process find the settings and modules of this one."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": str(settings.SETTINGS_MODULE),
        "PYTHONPATH": os.pathsep.join(place for place in sys.path if place),
    }


def _is_due(now: datetime) -> bool:
    return open_trainings().exists() or bool(due(planned().values(), now=now))


def _is_refreshable(now: datetime) -> bool:
    return any(plan.refresh and serving(plan.name) for plan in planned().values())
