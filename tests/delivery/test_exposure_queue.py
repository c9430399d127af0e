"""Exposures wait in the process for a moment, and no page waits for them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, DataError, connection, transaction
from django.test import override_settings

from personalization.delivery import exposure_queue
from personalization.delivery.exposure_queue import MANY, ExposureQueue, flush
from personalization.events.buffer import Batch
from personalization.events.buffers.memory import MemoryBuffer
from personalization.events.models import BufferedBatch, Source
from personalization.exceptions import BufferUnavailable
from personalization.ingest.tracked import forget_tracked_source
from personalization.testing import memory_buffer
from tests.acceptance.site import ROOT, Site
from tests.delivery.rendering import counted
from tests.delivery.showing import decision, show, written

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 30.0
SOON = override_settings(PERSONALIZATION_EXPOSURE_DELAY=timedelta(milliseconds=10))
AT_ONCE = override_settings(PERSONALIZATION_EXPOSURE_DELAY=timedelta(0))


class BrokenBuffer(MemoryBuffer):
    """Keeps nothing for as long as it is broken."""

    broken = True
    tried = 0

    def append(self, batch: Batch) -> None:
        BrokenBuffer.tried += 1
        if self.broken:
            raise BufferUnavailable("Nobody is there.")
        super().append(batch)


BREAKING = f"{__name__}.BrokenBuffer"
DATABASE = "personalization.events.buffers.database.DatabaseBuffer"


@pytest.fixture(autouse=True)
def _buffer() -> Iterator[None]:
    BrokenBuffer.broken, BrokenBuffer.tried = True, 0
    with memory_buffer():
        yield
        exposure_queue.forget()


def show_many(n: int) -> None:
    for number in range(n):
        show(decision(f"variation:{number}"))


def variations(events: Sequence[Any]) -> list[str]:
    return [event["properties"]["variation"] for event in events]


def wait_until(done: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not done() and time.monotonic() < end:
        time.sleep(0.005)
    assert done()


def test_what_waits_is_written_in_one_append_in_the_order_shown() -> None:
    show_many(3)
    assert written() == []
    assert flush() == 3
    assert MemoryBuffer().depth() == 1
    assert variations(written()) == ["variation:0", "variation:1", "variation:2"]
    assert flush() == 0


def threads() -> int:
    return [one.name for one in threading.enumerate()].count("exposures")


@SOON
def test_a_thread_writes_it_by_itself_again_and_again() -> None:
    wait_until(lambda: threads() == 0)  # that of the test before may take a moment to end
    show_many(2)
    wait_until(lambda: len(written()) == 2)
    show_many(1)
    wait_until(lambda: len(written()) == 3)
    assert threads() == 1


def test_many_do_not_wait_for_the_delay() -> None:
    show_many(MANY)
    wait_until(lambda: len(written()) == MANY)


def test_the_thread_begins_with_the_first_exposure() -> None:
    wait_until(lambda: threads() == 0)
    show_many(2)
    assert threads() == 1


def test_no_page_fails_where_there_is_no_room_for_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    before = counted("exposures.without_thread")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_room)
        show_many(1)
    assert counted("exposures.without_thread") == before + 1
    with SOON:
        show_many(1)
        wait_until(lambda: len(written()) == 2)


@AT_ONCE
def test_with_no_delay_it_is_written_with_the_page() -> None:
    show_many(2)
    assert MemoryBuffer().depth() == 2


@pytest.mark.parametrize("delay", [timedelta(0), timedelta(days=1)], ids=["at once", "later"])
def test_a_page_whose_transaction_is_rolled_back_has_shown_nothing(delay: timedelta) -> None:
    with override_settings(PERSONALIZATION_EXPOSURE_DELAY=delay, PERSONALIZATION_BUFFER=DATABASE):
        with transaction.atomic():
            show_many(1)
            transaction.set_rollback(True)
        flush()
        assert not BufferedBatch.objects.exists()
        with transaction.atomic():
            show_many(1)
        flush()
        assert BufferedBatch.objects.count() == 1


@SOON
@override_settings(PERSONALIZATION_BUFFER=DATABASE)
def test_the_thread_writes_into_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure_queue, "PAUSE", 0.05)  # one in memory lets nobody in meanwhile
    show_many(3)
    wait_until(lambda: BufferedBatch.objects.filter(n_events=3).exists())
    assert BufferedBatch.objects.get().source.slug == "django"


def test_the_thread_closes_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[tuple[str, object]] = []
    really_close = exposure_queue._close_connections

    def close() -> None:
        really_close()
        closed.append((threading.current_thread().name, connection.connection))

    monkeypatch.setattr(exposure_queue, "_close_connections", close)
    with SOON:
        show_many(1)
        wait_until(lambda: closed)
    assert closed == [("exposures", None)]
    assert len(written()) == 1


def test_a_test_in_a_transaction_leaves_nothing_to_a_thread() -> None:
    with transaction.atomic():
        show_many(1)
        assert flush() == 0
        transaction.set_rollback(True)
    assert flush() == 0


@override_settings(PERSONALIZATION_BUFFER=BREAKING)
def test_a_buffer_that_fails_is_tried_again_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = counted("exposures.failed")
    show_many(2)
    with caplog.at_level(logging.WARNING, "personalization"):
        assert flush() == flush() == 0
    assert counted("exposures.failed") == before + 2
    assert [record.message for record in caplog.records] == [
        "What was shown cannot be written down now: Nobody is there."
    ]
    show_many(1)
    BrokenBuffer.broken = False
    assert flush() == 3
    assert variations(written()) == ["variation:0", "variation:1", "variation:0"]


@override_settings(PERSONALIZATION_BUFFER=BREAKING)
@AT_ONCE
def test_a_buffer_that_fails_takes_no_page_along() -> None:
    before = counted("exposures.lost")
    with transaction.atomic():
        show_many(1)
        Source.objects.create(slug="later", name="Later")
    assert Source.objects.filter(slug="later").exists()
    assert counted("exposures.lost") == before + 1


@pytest.mark.parametrize("error", [DatabaseError("gone"), OSError("refused")], ids=repr)
def test_whatever_fails_of_a_server_is_no_matter_of_the_page(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(exposure_queue, "keep", fail)
    show_many(1)
    assert flush() == 0
    monkeypatch.undo()
    assert flush() == 1


def test_what_the_database_never_takes_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = exposure_queue.keep

    def pick(arrivals: Sequence[Any], **options: Any) -> None:
        if any(arrival.properties["variation"] == "variation:1" for arrival in arrivals):
            raise DataError("what is this?")
        keep(arrivals, **options)

    monkeypatch.setattr(exposure_queue, "keep", pick)
    lost = counted("exposures.lost")
    show_many(3)
    flush()
    assert variations(written()) == ["variation:0", "variation:2"]
    assert counted("exposures.lost") == lost + 1
    assert flush() == 0


def test_a_mistake_of_ours_is_counted_and_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistake(*args: Any, **options: Any) -> None:
        raise TypeError("a mistake")

    monkeypatch.setattr(exposure_queue, "keep", mistake)
    monkeypatch.setattr(ExposureQueue, "_start", lambda queue: None)
    lost = counted("exposures.lost")
    show_many(2)
    with pytest.raises(TypeError, match="a mistake"):
        flush()
    assert counted("exposures.lost") == lost + 2


def test_of_too_many_the_oldest_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure_queue, "MOST", 3)
    before = counted("exposures.lost")
    show_many(5)
    assert counted("exposures.lost") == before + 2
    flush()
    assert variations(written()) == ["variation:2", "variation:3", "variation:4"]


@override_settings(PERSONALIZATION_BUFFER=BREAKING)
def test_what_is_put_back_takes_no_place_of_what_is_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure_queue, "MOST", 3)
    monkeypatch.setattr(exposure_queue, "BATCH", 2)
    show_many(3)
    queue = exposure_queue._queue
    taken = queue._taken()
    show(decision("variation:newer"))
    queue._put_back(taken)
    BrokenBuffer.broken = False
    flush()
    assert variations(written()) == ["variation:1", "variation:2", "variation:newer"]


def test_a_closed_queue_writes_nothing_more() -> None:
    show_many(1)
    queue = exposure_queue._queue
    exposure_queue.forget()
    assert queue.flush() == 0
    assert flush() == 0


def test_the_source_is_looked_up_once(django_assert_num_queries: Any) -> None:
    forget_tracked_source()
    show_many(1)
    flush()
    show_many(1)
    with django_assert_num_queries(0):
        assert flush() == 1


def test_a_source_that_is_gone_is_looked_up_again() -> None:
    with override_settings(PERSONALIZATION_BUFFER=DATABASE):
        forget_tracked_source()
        show_many(1)
        flush()
        BufferedBatch.objects.all().delete()
        Source.objects.all().delete()
        show_many(1)
        if flush() == 0:
            flush()
        assert BufferedBatch.objects.get().source.slug == "django"


def test_pages_under_an_event_loop_hand_over_without_reading() -> None:
    async def page() -> None:
        show(decision("variation:1"))

    asyncio.run(page())
    assert flush() == 1


@AT_ONCE
def test_with_no_delay_a_thread_writes_for_an_event_loop() -> None:
    async def page() -> None:
        show(decision("variation:1"))

    asyncio.run(page())
    wait_until(lambda: len(written()) == 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_worker_that_is_told_to_stop_writes_what_waits(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.prepare()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.delivery.forking"],
        cwd=ROOT, env=site._environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    word, worker = server.stdout.readline().split()
    assert word == "shown"
    os.kill(int(worker), signal.SIGTERM)
    server.communicate(timeout=PATIENCE)
    payloads = site.rows("SELECT payload FROM personalization_bufferedbatch ORDER BY id")
    events = [event for payload in payloads for event in json.loads(payload)]
    # Each of them once: the worker has not written what its parent had waiting.
    assert [event["properties"]["slot"] for event in events] == [
        "in-the-worker", "before-the-fork", "after-the-fork",
    ]  # fmt: skip


def test_a_queue_that_ends_waits_for_who_writes_only_so_long() -> None:
    queue = ExposureQueue()
    with queue._writing:
        assert queue.flush(within=0.01) == 0
