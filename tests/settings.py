"""Settings of the test suite: SQLite, or whatever DATABASE_URL names."""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ

from project import environment

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = "only-for-tests"  # noqa: S105 - signs nothing outside a test run
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.urls"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "personalization",
    "project.shop",
]

MIDDLEWARE = [
    "personalization.delivery.middleware.PersonalizationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "tests/templates", BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# Tuned as the demo is. Tests have it in a file, as a demo does: a database in memory is one
# connection that the threads of a test server share, transactions included. Processes that
# tests start with these settings have an empty one of their own.
DATABASES: dict[str, dict[str, Any]] = {
    "default": environment.database(env, default="sqlite:///:memory:")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    _RUN = os.environ.setdefault("PERSONALIZATION_TEST_RUN", str(os.getpid()))  # workers have it
    _FILE = Path(tempfile.gettempdir()) / f"personalization-tests-{_RUN}.sqlite3"
    DATABASES["default"]["TEST"] = {"NAME": str(_FILE)}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]

# Dispatch works without a broker: a message is only a hint, and tests call the work itself.
CELERY_BROKER_URL = "memory://"
CELERY_TASK_IGNORE_RESULT = True

# What was shown is written when a test says so, never by a thread into the database of another.
PERSONALIZATION_EXPOSURE_DELAY = timedelta(days=1)

# Who is held out would see the default of what most tests look for; tests of holdouts say so.
PERSONALIZATION_HOLDOUT = PERSONALIZATION_GLOBAL_HOLDOUT = 0.0
