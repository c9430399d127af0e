"""The daily look at models: the command and the task are the same."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from personalization.hints import BEAT_SCHEDULE, CHECK_MODELS
from personalization.ml.models import ModelVersion
from personalization.ml.training import watching
from personalization.ml.training.watching import check_models
from personalization.tasks import check_models_task
from tests.delivery.rendering import counted
from tests.ml.training.conftest import NOW
from tests.ml.training.counting import plan

pytestmark = pytest.mark.django_db

FOUND = SimpleNamespace(
    version="propensity.order 3", verdict="drifted", remarks=lambda: ["Drift: “x” is drifted."]
)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    looked: list[Any] = [FOUND]
    monkeypatch.setattr(watching, "import_string", lambda _path: lambda *, now: looked)
    return looked


def printed() -> str:
    out = StringIO()
    call_command("check_models", stdout=out)
    return out.getvalue()


def test_the_command_says_what_was_found(found: list[Any]) -> None:
    assert printed() == "propensity.order 3: drifted\n  Drift: “x” is drifted.\n"
    found.clear()
    assert printed() == "No model that can drift serves.\n"


def test_the_task_is_its_twin_and_runs_once_a_day(found: list[Any]) -> None:
    assert check_models_task() == 1
    assert BEAT_SCHEDULE[CHECK_MODELS]["schedule"] == 86400.0


def test_without_the_extra_nothing_is_looked_at(
    found: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "can_train", lambda: False)
    assert check_models(now=NOW) == ()


def test_what_is_too_old_is_named_logged_and_counted(
    found: list[Any], shop: Callable[..., None], trained: Callable[..., ModelVersion], caplog: Any
) -> None:
    version = trained(now=NOW)
    check_models(now=NOW + plan().period)
    before = counted("models.stale")
    assert caplog.messages == []
    ModelVersion.objects.filter(pk=version.pk).update(created_at=timezone.now() - 9 * plan().period)
    assert "serves version 1, which was begun" in printed()
    assert counted("models.stale") == before + 1
    [message] = caplog.messages
    assert "a new one was due within" in message


def test_where_nothing_serves_nothing_is_found() -> None:
    assert list(check_models(now=NOW)) == []
