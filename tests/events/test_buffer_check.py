"""W009: a buffer that could lose what it has acknowledged."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks

from personalization.events.buffers.memory import MemoryBuffer

pytestmark = pytest.mark.django_db


class DoubtfulBuffer(MemoryBuffer):
    asked: list[bool] = []

    def problems(self) -> list[str]:
        self.asked.append(True)
        return ["It forgets on Mondays.", "It forgets on Fridays."]


@pytest.fixture(autouse=True)
def asked() -> list[bool]:
    DoubtfulBuffer.asked.clear()
    return DoubtfulBuffer.asked


def found(databases: list[str] | None) -> list[CheckMessage]:
    messages = run_checks(databases=databases)
    return [message for message in messages if message.id == "personalization.W009"]


def test_each_problem_of_the_buffer_is_a_warning(settings: Any) -> None:
    settings.PERSONALIZATION_BUFFER = f"{__name__}.DoubtfulBuffer"
    warnings = found(["default"])
    assert [warning.msg for warning in warnings] == DoubtfulBuffer().problems()
    assert all(warning.hint for warning in warnings)


def test_a_plain_check_asks_no_server(settings: Any, asked: list[bool]) -> None:
    settings.PERSONALIZATION_BUFFER = f"{__name__}.DoubtfulBuffer"
    assert found(None) == []
    assert asked == []


@pytest.mark.parametrize("name", ["no.such.Buffer", 7])
def test_a_buffer_that_cannot_be_had_is_told_elsewhere(settings: Any, name: Any) -> None:
    settings.PERSONALIZATION_BUFFER = name
    assert found(["default"]) == []
    assert "personalization.E001" in {message.id for message in run_checks()}


def test_the_database_buffer_is_as_durable_as_the_database() -> None:
    assert found(["default"]) == []


def test_a_redis_that_nobody_answers_at_is_a_warning(settings: Any) -> None:
    pytest.importorskip("redis", reason="Redis: its Python client is not installed")
    settings.PERSONALIZATION_BUFFER = "personalization.events.buffers.redis.RedisBuffer"
    settings.PERSONALIZATION_REDIS_URL = "redis://127.0.0.1:1/0"
    (warning,) = found(["default"])
    assert "does not tell how durable it is" in warning.msg
    assert "appendfsync always" in str(warning.hint)


def test_without_the_client_the_error_says_what_to_install(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "personalization.events.buffers.redis"
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, name, raising=False)
    settings.PERSONALIZATION_BUFFER = f"{name}.RedisBuffer"
    (error,) = [m for m in run_checks() if m.id == "personalization.E001"]
    assert "pip install 'personalization[redis]'" in error.msg
