"""The daily look at models: the command and the task are the same."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command

from personalization.hints import BEAT_SCHEDULE, CHECK_MODELS
from personalization.ml.training import watching
from personalization.ml.training.watching import check_models
from personalization.tasks import check_models_task
from tests.ml.training.conftest import NOW

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
    assert printed() == "No model that learned from features serves.\n"


def test_the_task_is_its_twin_and_runs_once_a_day(found: list[Any]) -> None:
    assert check_models_task() == 1
    assert BEAT_SCHEDULE[CHECK_MODELS]["schedule"] == 86400.0


def test_without_the_extra_nothing_is_looked_at(
    found: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "can_train", lambda: False)
    assert check_models(now=NOW) == ()


@pytest.mark.django_db
def test_where_nothing_serves_nothing_is_found() -> None:
    assert list(check_models(now=NOW)) == []
