"""The Celery tasks and the command are equal callers of the same functions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from celery import current_app

from personalization import hints, tasks
from personalization.ml.models import ModelVersion
from personalization.ml.training.versions import serving
from tests.ml.training.counting import NAME, Kitchen

pytestmark = pytest.mark.django_db
Shop = Callable[..., None]
TASKS = [hints.TRAIN_MODELS, hints.REFRESH_MODELS]


@pytest.mark.parametrize("name", TASKS)
def test_a_worker_finds_the_task_and_the_schedule_has_it(name: str) -> None:
    assert current_app.tasks[name].ignore_result
    assert name in hints.BEAT_SCHEDULE


def test_what_was_logged_is_known_within_five_minutes() -> None:
    assert hints.BEAT_SCHEDULE[hints.REFRESH_MODELS]["schedule"] < 300


def test_a_task_trains_what_is_due(shop: Shop) -> None:
    assert tasks.train_models_task() == 1
    assert tasks.train_models_task() == 0
    assert serving(NAME) is not None


def test_a_task_refreshes_what_serves(shop: Shop, kitchen: Kitchen) -> None:
    tasks.train_models_task()
    kitchen.items = ["a", "b", "c", "d"]
    assert tasks.refresh_models_task() == 1
    assert ModelVersion.objects.get().rows == 4
