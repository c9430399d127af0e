"""The Celery application of the demo site: tasks by hint, and sweeps on a clock."""

from __future__ import annotations

import os

from celery import Celery

from personalization.hints import (
    BEAT_SCHEDULE,
    CHECK_MODELS,
    REFRESH_EXPERIMENTS,
    REFRESH_MODELS,
    TRAIN_MODELS,
    UPDATE_BANDITS,
)
from project import folder_queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
folder_queue.install()

app = Celery("project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

app.conf.beat_schedule = BEAT_SCHEDULE

#: The queue of what takes long: events must not wait for a training, or for a sum over all visitors.
MODELS_QUEUE = "models"
app.conf.task_routes = {
    task: {"queue": MODELS_QUEUE}
    for task in (TRAIN_MODELS, REFRESH_MODELS, CHECK_MODELS, REFRESH_EXPERIMENTS, UPDATE_BANDITS)
}
