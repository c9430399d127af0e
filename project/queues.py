"""Queues of the demo beside the one that events are in, each with a worker of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from personalization.hints import (
    CHECK_MODELS,
    REFRESH_EXPERIMENTS,
    REFRESH_MODELS,
    TRAIN_MODELS,
    UPDATE_BANDITS,
)

#: Events wait for nothing of this; and what is done every few minutes, and expires when it has
#: not begun until the next time, waits for no training, which may take longer than that.
QUEUES: Final[Mapping[str, tuple[str, ...]]] = {
    "models": (TRAIN_MODELS, CHECK_MODELS),
    "refresh": (REFRESH_MODELS, UPDATE_BANDITS, REFRESH_EXPERIMENTS),
}

#: For `app.conf.task_routes`.
ROUTES: Final = {task: {"queue": queue} for queue, tasks in QUEUES.items() for task in tasks}
