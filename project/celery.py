"""The Celery application of the demo site: tasks by hint, and sweeps on a clock."""

from __future__ import annotations

import os

from celery import Celery

from project import folder_queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
folder_queue.install()

app = Celery("project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# The database holds the work and a message is only a hint: these sweeps find whatever a
# lost hint would have started. A sweep that waited its turn in vain expires.
app.conf.beat_schedule = {
    "settle memberships": {
        "task": "personalization.settle_memberships",
        "schedule": 1.0,
        "options": {"expires": 1},
    },
    "process events": {
        "task": "personalization.process_events",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "refresh segments": {
        "task": "personalization.refresh_segments",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
}
