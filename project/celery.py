"""The Celery application of the demo site: tasks by hint, and sweeps on a clock."""

from __future__ import annotations

import os

from celery import Celery

from personalization.hints import BEAT_SCHEDULE
from project import folder_queue
from project.queues import ROUTES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
folder_queue.install()

app = Celery("project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

app.conf.beat_schedule = BEAT_SCHEDULE
app.conf.task_routes = ROUTES
