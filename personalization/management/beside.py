"""What learns does so beside the worker, by processes of its own: events wait for no training."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from django.conf import settings

from personalization.experiments.bandits.update import can_learn, learning
from personalization.experiments.refresh import is_needed
from personalization.ml.models import ModelVersion
from personalization.ml.training.attempts import open_trainings
from personalization.ml.training.known import planned
from personalization.ml.training.schedule import due
from personalization.ml.training.train import can_train
from personalization.ml.training.versions import serving

#: How often it is looked whether there is something to train, and to refresh.
TRAIN_EVERY, REFRESH_EVERY = timedelta(minutes=1), timedelta(minutes=4)
#: How often experiments are looked at; as often as Celery would.
LOOK_EVERY = timedelta(minutes=5)
#: And whether there is a bandit.
LEARN_EVERY = timedelta(minutes=5)
#: How often it is looked whether what serves has drifted: first when the worker begins.
CHECK_EVERY = timedelta(days=1)


#: A command of Django, with its options.
Command: TypeAlias = tuple[str, ...]
#: Says whether there is anything to do now.
Needed: TypeAlias = Callable[[datetime], bool]


class Beside:
    """Starts a process for what there is to do, and none while the one before is at it."""

    def __init__(self) -> None:
        self._running: dict[Command, subprocess.Popen[bytes]] = {}
        self._next: dict[Command, datetime] = {}

    def __call__(self, *, now: datetime) -> int:
        """Return how many processes were started."""
        return sum(
            self._start(command, now=now, every=every, needed=needed)
            for command, every, needed in _WORK
        )

    def wait(self) -> None:
        """Wait for the processes that are at work."""
        for running in self._running.values():
            running.wait()

    def _start(self, command: Command, *, now: datetime, every: timedelta, needed: Needed) -> int:
        running = self._running.get(command)
        if (running and running.poll() is None) or now < self._next.get(command, now):
            return 0
        self._next[command] = now + every
        if not needed(now):
            return 0
        self._running[command] = subprocess.Popen(
            [sys.executable, "-m", "django", *command],
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
    return can_train() and (open_trainings().exists() or bool(due(planned().values(), now=now)))


def _may_have_drifted(now: datetime) -> bool:
    serving = ModelVersion.objects.filter(status=ModelVersion.Status.SERVING)
    return can_train() and serving.exists()


def _is_refreshable(now: datetime) -> bool:
    return can_train() and any(plan.refresh and serving(plan.name) for plan in planned().values())


def _learns(now: datetime) -> bool:
    return can_learn() and bool(learning())


def _is_looked_at(now: datetime) -> bool:
    return is_needed()


#: What is done beside the worker, how often it is looked whether there is any of it, and how.
_WORK: Sequence[tuple[Command, timedelta, Needed]] = (
    (("train_models", "--due"), TRAIN_EVERY, _is_due),
    (("train_models", "--refresh"), REFRESH_EVERY, _is_refreshable),
    (("check_models",), CHECK_EVERY, _may_have_drifted),
    (("update_bandits",), LEARN_EVERY, _learns),
    (("refresh_experiments",), LOOK_EVERY, _is_looked_at),
)
