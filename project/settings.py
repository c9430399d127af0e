"""Settings of the demo site: SQLite and a folder queue unless the environment names better.

The environment is read here and nowhere else; the package itself never looks at it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ

from project import environment
from project.environment import BASE_DIR
from project.shop.data.lists import LISTS

env = environ.Env()
env.read_env(str(BASE_DIR / ".env"))

#: Everything the demo writes beside its database: queue, schedule, logs.
STATE_DIR = Path(env.str("DEMO_DIR", default=str(environment.STATE_DIR)))

DEBUG: bool = env.bool("DEBUG", default=True)
SECRET_KEY: str = environment.secret_key(env, debug=DEBUG)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "personalization",
    "project.shop",
    "rest_framework",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    # Outermost: it owns the visitor cookie and the outgoing cache headers.
    "personalization.delivery.middleware.PersonalizationMiddleware",
    "project.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
ASGI_APPLICATION = "project.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

DATABASES: dict[str, dict[str, Any]] = {
    "default": environment.database(env, default=f"sqlite:///{BASE_DIR / 'demo.sqlite3'}")
}
CACHES: dict[str, dict[str, Any]] = {"default": environment.cache(env)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE: str = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"

# -- background work --------------------------------------------------------------------

CELERY_BROKER_URL: str = env.str("CELERY_BROKER_URL", default=environment.FOLDER_QUEUE)
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = environment.broker_options(
    CELERY_BROKER_URL, folder=STATE_DIR / "broker"
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
# Remote control would fill the queue's folder with messages that nobody reads.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = not environment.is_folder_queue(CELERY_BROKER_URL)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1

# -- the demo command -------------------------------------------------------------------

DEMO_PORT: str = env.str("DEMO_PORT", default="8000")

# -- personalization --------------------------------------------------------------------

PERSONALIZATION_TRACKER_KEY = environment.TRACKER_KEY
PERSONALIZATION_COOKIE_SECURE: bool = env.bool("COOKIE_SECURE", default=False)
# The demo is looked at by people, and driven by the programs that test and photograph it.
PERSONALIZATION_FILTER_BOTS: bool = env.bool("FILTER_BOTS", default=False)
# One visitor in ten is not shown a content, and one in fifty none at all: that tells what it earns.
PERSONALIZATION_HOLDOUT: float = env.float("HOLDOUT", default=0.1)
PERSONALIZATION_GLOBAL_HOLDOUT: float = env.float("GLOBAL_HOLDOUT", default=0.02)
PERSONALIZATION_RECOMMENDATIONS = LISTS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PERSONALIZATION_COOKIE_SECURE
