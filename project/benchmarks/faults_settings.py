"""Settings of the site that is killed: the demo's, with what FAULTS_SITE says as JSON."""

from __future__ import annotations

import json
import os
from typing import Any

from project.settings import *  # noqa: F403 - those of the demo, but for what follows

_site: dict[str, Any] = json.loads(os.environ["FAULTS_SITE"])

DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES = {"default": _site["database"]}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# Workers look by themselves; hints would only fill a folder.
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}

PERSONALIZATION_BUFFER = _site["buffer"]
PERSONALIZATION_REDIS_URL = _site["redis_url"]
# Many short transactions, so that workers are killed in the middle of some.
PERSONALIZATION_WORKER_BATCH = 20
