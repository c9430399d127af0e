"""What the environment's variables mean to Django's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environ import Env

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = BASE_DIR / ".demo"
FOLDER_QUEUE = "filesystem://"
#: The write key of the shop's tracker. Every visitor can read it in the page.
TRACKER_KEY = "larkfell-demo-shop"
DEMO_KEY = "demo-only-key-that-signs-nothing-of-value"

# Four concurrent writers fail on Django's defaults ("database is locked") and do not on these.
SQLITE_OPTIONS = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


def secret_key(env: Env, *, debug: bool) -> str:
    """Return SECRET_KEY; only a demo in DEBUG may do without one."""
    key = str(env.str("SECRET_KEY", default=""))
    if key:
        return key
    if debug:
        return DEMO_KEY
    raise ImproperlyConfigured("Set SECRET_KEY: with DEBUG off there is no default.")


def database(env: Env, *, default: str) -> dict[str, Any]:
    """Return the database that DATABASE_URL names, tuned when it is SQLite."""
    config: dict[str, Any] = dict(env.db_url("DATABASE_URL", default=default))
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["OPTIONS"] = {**SQLITE_OPTIONS, **config.get("OPTIONS", {})}
    return config


def cache(env: Env) -> dict[str, Any]:
    """Return the cache: Redis when REDIS_URL names one, else this process's memory."""
    url = str(env.str("REDIS_URL", default=""))
    if url:
        return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
    return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}


def is_folder_queue(broker_url: str) -> bool:
    return broker_url.startswith(FOLDER_QUEUE)


def broker_options(broker_url: str, *, folder: Path) -> dict[str, Any]:
    """Return the options that let a folder stand in for a broker server."""
    if not is_folder_queue(broker_url):
        return {}
    messages = str(folder / "messages")
    return {
        "data_folder_in": messages,
        "data_folder_out": messages,
        "control_folder": str(folder / "control"),
        # The default of one second makes a page that changes "at once" look broken.
        "polling_interval": 0.05,
    }
