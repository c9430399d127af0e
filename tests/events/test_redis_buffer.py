from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from personalization import metrics
from personalization.clock import moment
from personalization.events.buffer import Batch, Buffer, buffer
from personalization.events.models import BufferedBatch, Source
from personalization.exceptions import BufferUnavailable
from personalization.testing import SharedBufferContract

redis = pytest.importorskip("redis", reason="Redis: its Python client is not installed")

from personalization.events.buffers import redis as module  # noqa: E402
from personalization.events.buffers.redis import RedisBuffer  # noqa: E402

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]

HOUR = 3_600_000


class OwnBuffer(RedisBuffer):
    """A stream for each test."""


@pytest.fixture(autouse=True)
def stream(redis_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"personalization-test:{uuid4()}"
    settings.PERSONALIZATION_REDIS_URL = redis_url
    settings.PERSONALIZATION_BUFFER = f"{__name__}.OwnBuffer"
    monkeypatch.setattr(OwnBuffer, "stream", name)
    yield name
    with redis.Redis.from_url(redis_url) as server:
        server.delete(name)


@pytest.fixture
def server(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url, protocol=2) as server:
        yield server


def batch(number: int = 0) -> Batch:
    source, _ = Source.objects.get_or_create(slug="shop")
    return Batch(source_id=source.pk, events=[{"number": number}], received_at=moment(number))


def claim(limit: int = 10) -> list[Batch]:
    with transaction.atomic():
        return buffer().claim(limit)


def claimed(limit: int = 10) -> list[Any]:
    return [each.events[0]["number"] for each in claim(limit)]


def elsewhere(work: Callable[[], Any]) -> Any:
    """Do `work` in another thread: as another worker."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        finally:
            # Also in memory, where Django keeps it open for the other threads.
            BaseDatabaseWrapper.close(connections["default"])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


def grow_old(server: Any, stream: str) -> None:
    """Let an hour pass for all that is claimed."""
    for claim in server.xpending_range(stream, RedisBuffer.group, "-", "+", 1000):
        server.xclaim(
            stream,
            RedisBuffer.group,
            claim["consumer"],
            0,
            [claim["message_id"]],
            idle=HOUR,
            justid=True,
        )


class TestRedisBuffer(SharedBufferContract):
    @pytest.fixture(autouse=True)
    def _aging(self, server: Any, stream: str) -> None:
        self.age = lambda: grow_old(server, stream)

    def make_buffer(self) -> Buffer:
        return buffer()

    def bury(self) -> None:
        self.age()


def test_another_worker_waits_until_the_first_one_counts_as_dead(server: Any, stream: str) -> None:
    buffer().append(batch(1))
    assert claimed() == [1]
    assert elsewhere(claimed) == []
    grow_old(server, stream)
    assert elsewhere(claimed) == [1]
    assert claimed() == [], "it was given away"


def test_what_a_worker_did_not_get_done_it_is_given_first() -> None:
    for number in range(4):
        buffer().append(batch(number))
    assert claimed(2) == [0, 1]
    assert claimed(3) == [0, 1, 2]
    with transaction.atomic():
        buffer().ack(buffer().claim(1))
    assert claimed() == [1, 2, 3]


def test_what_is_appended_in_a_transaction_lies_in_the_database(server: Any, stream: str) -> None:
    with transaction.atomic():
        buffer().append(batch(1))
    assert (server.xlen(stream), BufferedBatch.objects.count()) == (0, 1)
    buffer().append(batch(2))
    assert (server.xlen(stream), BufferedBatch.objects.count()) == (1, 1)
    assert buffer().depth() == 2
    with transaction.atomic():
        batches = buffer().claim(10)
        assert [each.events[0]["number"] for each in batches] == [1, 2]
        buffer().ack(batches)
    assert (server.xlen(stream), BufferedBatch.objects.count()) == (0, 0)


def test_neither_rows_nor_entries_hold_up_the_others() -> None:
    for number in range(20):
        with transaction.atomic():
            buffer().append(batch(number))
        buffer().append(batch(100 + number))
    first = claimed(6)
    assert first == [0, 1, 2, 100, 101, 102]
    assert claimed(1) == [0]
    assert len(claimed(100)) == 40


def test_what_was_recorded_in_a_transaction_needs_no_redis(settings: Any, redis_url: str) -> None:
    settings.PERSONALIZATION_REDIS_URL = "redis://127.0.0.1:1/0"
    with transaction.atomic():
        buffer().append(batch(1))
    settings.PERSONALIZATION_REDIS_URL = redis_url
    assert claimed() == [1]


def test_nothing_leaves_the_stream_before_the_commit(server: Any, stream: str) -> None:
    buffer().append(batch(1))
    with transaction.atomic():
        buffer().ack(buffer().claim(1))
        assert server.xlen(stream) == 1
    assert server.xlen(stream) == 0
    assert server.xpending(stream, RedisBuffer.group)["pending"] == 0


def test_a_failure_is_noted_at_once_and_with_its_error(server: Any, stream: str) -> None:
    buffer().append(batch(1))
    with transaction.atomic():
        buffer().fail(buffer().claim(1)[0], "ValueError: Größe")
        transaction.set_rollback(True)
    ((_, fields),) = server.xrange(stream)
    assert fields[b"error"].decode() == "ValueError: Größe"
    (again,) = claim()
    assert again.attempts == 1
    assert server.xpending(stream, RedisBuffer.group)["pending"] == 1


def test_a_batch_that_two_workers_hold_is_removed_by_one_of_them(server: Any, stream: str) -> None:
    """As after a pause that was too long: the pipeline stores its events once."""
    buffer().append(batch(1))
    (slow,) = claim()
    grow_old(server, stream)
    (quick,) = elsewhere(claim)
    assert quick.id == slow.id
    buffer().ack([quick])
    buffer().ack([slow])
    assert buffer().depth() == 0


def test_an_entry_deleted_by_hand_does_not_hold_up_the_others(server: Any, stream: str) -> None:
    for number in range(3):
        buffer().append(batch(number))
    assert claimed(2) == [0, 1]
    server.xdel(stream, server.xrange(stream)[0][0])
    assert claimed() == [1, 2]
    grow_old(server, stream)
    assert elsewhere(claimed) == [1, 2]


def test_a_stream_that_was_flushed_is_made_anew(server: Any, stream: str) -> None:
    buffer().append(batch(1))
    assert claimed() == [1]
    server.delete(stream)
    assert claimed() == []
    buffer().append(batch(2))
    assert claimed() == [2]


def test_two_workers_may_start_at_once() -> None:
    OwnBuffer()._make_group()
    OwnBuffer()._make_group()
    assert claimed() == []


def test_workers_that_are_long_gone_are_forgotten_and_their_claims_are_not(
    server: Any, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OwnBuffer, "dead_after", timedelta(milliseconds=-1))
    buffer().append(batch(1))
    server.xgroup_create(stream, RedisBuffer.group, id="0")
    server.xreadgroup(RedisBuffer.group, "holds one", {stream: ">"}, count=1)
    server.xreadgroup(RedisBuffer.group, "idle", {stream: ">"}, count=1)
    monkeypatch.setattr(OwnBuffer, "_abandoned", lambda *args: [])
    assert elsewhere(claimed) == []
    names = {each["name"] for each in server.xinfo_consumers(stream, RedisBuffer.group)}
    assert b"holds one" in names
    assert b"idle" not in names


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_fork_is_another_worker() -> None:
    buffer().append(batch(1))
    assert claimed() == [1]
    child = os.fork()
    if child == 0:  # where the connections to the database are not to be used
        os._exit(0 if OwnBuffer()._claim(10) == [] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_depth_stops_at_its_limit() -> None:
    for number in range(3):
        buffer().append(batch(number))
    assert buffer().depth() == 3
    assert buffer().depth(limit=2) == 2


@pytest.fixture
def nobody_there(settings: Any) -> None:
    settings.PERSONALIZATION_REDIS_URL = "redis://127.0.0.1:1/0"


@pytest.mark.usefixtures("nobody_there")
@pytest.mark.parametrize(
    "work",
    [
        lambda: buffer().append(Batch(source_id=7, events=[], received_at=moment(0))),
        claim,
        lambda: buffer().fail(replace(batch(), id="1-1"), "error"),
        lambda: buffer().depth(),
    ],
    ids=["append", "claim", "fail", "depth"],
)
def test_a_redis_that_is_down_is_an_error_of_ours(work: Callable[[], Any]) -> None:
    with pytest.raises(
        BufferUnavailable, match="Redis cannot keep or return events now: .*refused"
    ):
        work()


def test_a_redis_that_refuses_to_write_is_an_error_of_ours(server: Any, stream: str) -> None:
    server.set(stream, "not a stream")
    with pytest.raises(BufferUnavailable, match="WRONGTYPE"):
        buffer().append(batch())
    with pytest.raises(BufferUnavailable, match="WRONGTYPE"):
        claim()
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        OwnBuffer()._make_group()


def test_work_that_is_committed_stays_so_when_redis_goes_down(
    settings: Any, redis_url: str
) -> None:
    buffer().append(batch(1))
    before = metrics.snapshot().get("events.batches_not_removed", 0)
    with transaction.atomic():
        buffer().ack(buffer().claim(1))
        settings.PERSONALIZATION_REDIS_URL = "redis://127.0.0.1:1/0"
    assert metrics.snapshot()["events.batches_not_removed"] == before + 1
    settings.PERSONALIZATION_REDIS_URL = redis_url
    assert claimed() == [1]


CONFIG = {"appendonly": "yes", "appendfsync": "always", "maxmemory": "0"}


@pytest.mark.parametrize(
    ("config", "problems"),
    [
        ({}, []),
        ({"appendonly": "no"}, ["appendonly is no, not yes"]),
        ({"appendfsync": "everysec"}, ["appendfsync is everysec, not always"]),
        ({"maxmemory-policy": "allkeys-lru"}, []),
        (
            {"maxmemory": "1000", "maxmemory-policy": "allkeys-lru"},
            ["maxmemory-policy is allkeys-lru, not noeviction"],
        ),
        ({"maxmemory": "1000", "maxmemory-policy": "noeviction"}, []),
    ],
)
def test_what_makes_redis_forget_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, str], problems: list[str]
) -> None:
    class Told:
        def config_get(self, *names: str) -> dict[str, str]:
            return {name: value for name, value in {**CONFIG, **config}.items() if name in names}

    monkeypatch.setattr(module, "_client", Told)
    expected = [f"Redis may lose acknowledged events: {problem}." for problem in problems]
    assert OwnBuffer().problems() == expected


def test_what_this_redis_lacks_is_told(server: Any) -> None:
    lacking = OwnBuffer().problems()
    assert ("appendonly is no" in str(lacking)) == (
        server.config_get("appendonly")["appendonly"] == "no"
    )


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "shop.example"])
def test_a_redis_that_cannot_be_asked_is_a_problem(settings: Any, url: str) -> None:
    settings.PERSONALIZATION_REDIS_URL = url
    (problem,) = OwnBuffer().problems()
    assert problem.startswith("Redis at PERSONALIZATION_REDIS_URL does not tell how durable it is:")


def test_without_the_client_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, module.__name__)
    with pytest.raises(ImportError, match=r"pip install 'personalization\[redis\]'"):
        __import__(module.__name__)


def test_entries_are_plain_json_for_whoever_looks_with_redis_cli(server: Any, stream: str) -> None:
    buffer().append(batch(5))
    ((_, fields),) = server.xrange(stream)
    assert json.loads(fields[b"events"]) == [{"number": 5}]
    assert int(fields[b"source"]) == Source.objects.get().pk
    assert fields[b"received_at"] == b"5"
