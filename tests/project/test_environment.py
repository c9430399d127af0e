from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from environ import Env

from personalization.hints import (
    BEAT_SCHEDULE,
    PROCESS_EVENTS,
    REFRESH_EXPERIMENTS,
    REFRESH_MODELS,
    TRAIN_MODELS,
    UPDATE_BANDITS,
)
from project import environment

NAMES = (
    "DATABASE_URL", "CELERY_BROKER_URL", "REDIS_URL", "SECRET_KEY", "DEBUG", "ALLOWED_HOSTS",
    "DEMO_PORT", "HOLDOUT", "GLOBAL_HOLDOUT",
)  # fmt: skip


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Env:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return Env()


def test_sqlite_is_tuned_for_several_writers(env: Env) -> None:
    database = environment.database(env, default="sqlite:////tmp/demo.sqlite3")
    assert database["NAME"] == "/tmp/demo.sqlite3"  # noqa: S108 - nothing is written there
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "WAL" in database["OPTIONS"]["init_command"]


def test_another_database_is_left_alone(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://shop@db.example:5433/shop")
    database = environment.database(env, default="sqlite:///x")
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example", 5433, "shop")
    assert "OPTIONS" not in database


def test_a_folder_is_the_broker_until_one_is_named() -> None:
    options = environment.broker_options("filesystem://", folder=Path("/queue"))
    assert options["data_folder_in"] == options["data_folder_out"] == "/queue/messages"
    assert options["polling_interval"] == 0.05
    assert environment.broker_options("redis://localhost/0", folder=Path("/queue")) == {}


def test_the_cache_is_redis_where_there_is_one(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "locmem" in environment.cache(env)["BACKEND"]
    monkeypatch.setenv("REDIS_URL", "redis://cache.example/1")
    assert environment.cache(env) == {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://cache.example/1",
    }


def test_only_a_demo_does_without_a_key(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.secret_key(env, debug=True)
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        environment.secret_key(env, debug=False)
    monkeypatch.setenv("SECRET_KEY", "chosen")
    assert environment.secret_key(env, debug=False) == "chosen"


SHOWN = """
import django
from django.conf import settings
django.setup()
from celery import current_app
print(settings.DEBUG, settings.ALLOWED_HOSTS, settings.DEMO_PORT, settings.MIDDLEWARE[0])
print(settings.DATABASES["default"]["ENGINE"], current_app.conf.broker_url)
print("held out", settings.PERSONALIZATION_HOLDOUT, settings.PERSONALIZATION_GLOBAL_HOLDOUT)
print(sorted((task, route["queue"]) for task, route in current_app.conf.task_routes.items()))
print(current_app.main, sorted(task["task"] for task in current_app.conf.beat_schedule.values()))
"""


def shown(**variables: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run(
        [sys.executable, "-c", SHOWN],
        env=clean | {"DJANGO_SETTINGS_MODULE": "project.settings"} | variables,
        cwd=environment.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_settings_stand_without_an_environment() -> None:
    said = shown()
    assert "True ['127.0.0.1', 'localhost', '[::1]'] 8000 personalization.delivery" in said
    assert "django.db.backends.sqlite3 filesystem://" in said
    assert "held out 0.1 0.02\n" in said
    for task in BEAT_SCHEDULE:
        assert f"'{task}'" in said


def test_events_wait_for_no_training_and_neither_does_a_refresh() -> None:
    said = shown()
    assert f"('{TRAIN_MODELS}', 'models')" in said
    for task in (REFRESH_MODELS, REFRESH_EXPERIMENTS, UPDATE_BANDITS):
        assert f"('{task}', 'refresh')" in said
    assert f"('{PROCESS_EVENTS}'" not in said


def test_the_settings_follow_the_environment() -> None:
    said = shown(
        DEBUG="0",
        SECRET_KEY="chosen",
        ALLOWED_HOSTS="shop.example,www.shop.example",
        DEMO_PORT="8011",
        DATABASE_URL="postgres://shop@db.example/shop",
        CELERY_BROKER_URL="redis://queue.example/0",
        HOLDOUT="0",
        GLOBAL_HOLDOUT="0",
    )
    assert "False ['shop.example', 'www.shop.example'] 8011" in said
    assert "django.db.backends.postgresql redis://queue.example/0" in said
    assert "held out 0.0 0.0\n" in said
