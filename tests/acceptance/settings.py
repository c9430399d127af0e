"""A site in processes of its own: a database and a queue in the folder ACCEPTANCE_FOLDER."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from project import environment
from tests.settings import *  # noqa: F403  # those of the suite, but for what follows

_FOLDER = Path(os.environ["ACCEPTANCE_FOLDER"])

DATABASES: dict[str, dict[str, Any]] = {  # type: ignore[no-redef]
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _FOLDER / "site.sqlite3",
        "OPTIONS": environment.SQLITE_OPTIONS,
    }
}
CELERY_BROKER_URL = environment.FOLDER_QUEUE
CELERY_BROKER_TRANSPORT_OPTIONS = environment.broker_options(
    environment.FOLDER_QUEUE, folder=_FOLDER / "broker"
)
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
# Many short transactions, so that a worker is killed in the middle of some.
PERSONALIZATION_WORKER_BATCH = 3
# The tables as the models have them, at once: how they came to be so is tested elsewhere.
MIGRATION_MODULES = dict.fromkeys(app.rpartition(".")[2] for app in INSTALLED_APPS)  # noqa: F405
