"""The same where events wait in Redis: in the stream, also in what a worker has claimed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from personalization.events.buffer import Batch, buffer
from personalization.events.models import Source
from personalization.privacy.erasure.finish import erase
from personalization.privacy.models import Erasure
from tests.privacy.erasure.conftest import FRIEND, IDS, LAPTOP, NOW, USER, arrival, places, whole

redis = pytest.importorskip("redis", reason="Redis: its Python client is not installed")

from personalization.events.buffers.redis import RedisBuffer  # noqa: E402

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def stream(redis_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"personalization-test:{uuid4()}"
    settings.PERSONALIZATION_REDIS_URL = redis_url
    settings.PERSONALIZATION_BUFFER = f"{RedisBuffer.__module__}.RedisBuffer"
    monkeypatch.setattr(RedisBuffer, "stream", name)
    yield name
    with redis.Redis.from_url(redis_url) as server:
        server.delete(name)


@pytest.fixture
def kept(redis_url: str, stream: str) -> Any:
    """Return a way to read the whole stream, as text."""

    def read() -> str:
        with redis.Redis.from_url(redis_url) as server:
            return str(server.xrange(stream))

    return read


def test_the_erased_are_neither_in_the_stream_nor_anywhere_else(
    kept: Any, life: Source, archive: Path
) -> None:
    with transaction.atomic():
        buffer().claim(10)  # by a worker that dies
    events = [arrival(LAPTOP).to_json(), arrival(FRIEND, message_id="friend-2").to_json()]
    buffer().append(Batch(source_id=life.pk, events=events, received_at=NOW))
    assert any(one in kept() for one in IDS)
    erasure = erase(whole(USER), channel="operator", now=NOW)
    assert (erasure.found, erasure.error) == ({}, "")
    assert erasure.status == Erasure.Status.DONE
    assert not any(one in kept() for one in IDS)
    assert places(*IDS, folder=archive) == set()
    assert FRIEND.value in kept()


def test_a_redis_that_is_away_puts_the_erasure_off(settings: Any, life: Source) -> None:
    settings.PERSONALIZATION_REDIS_URL = "redis://127.0.0.1:1/0"
    erasure = erase(whole(USER), channel="operator", now=NOW)
    assert erasure.status == Erasure.Status.FAILED
    assert erasure.error.startswith("BufferUnavailable")
    assert erasure.receipt == ""
