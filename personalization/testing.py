"""For the tests of a site: a buffer in memory, the worker's turn, what was shown, a contract
for buffers.

from personalization.testing import drain, memory_buffer

def test_abandoners_see_their_cart(client, db):
    with memory_buffer():
        track("Product Added", user_id="17")
        drain()
    assert ...
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from unittest import SkipTest

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import override_settings
from django.utils import timezone

from personalization.delivery import exposure_queue
from personalization.events.buffer import Batch, Buffer
from personalization.events.buffers.memory import MemoryBuffer
from personalization.events.catalogue import SLOT_SHOWN
from personalization.events.models import Event, Source
from personalization.ingest.pipeline import process_events
from personalization.profiles.identity import Key
from personalization.profiles.needles import Needles
from personalization.segments.models import Segment
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships
from personalization.segments.synthetic import SyntheticVisitor, enter
from personalization.types import JsonObject

T = TypeVar("T")

_ANN = Needles.of([Key("user", "Größe-ann-1")])


@contextmanager
def memory_buffer() -> Iterator[MemoryBuffer]:
    """Keep accepted events in this process instead of in the configured buffer.

    Also a decorator. The buffer is empty before and after.
    """
    memory = MemoryBuffer()
    path = f"{MemoryBuffer.__module__}.{MemoryBuffer.__qualname__}"
    memory.clear()
    try:
        with override_settings(PERSONALIZATION_BUFFER=path):
            yield memory
    finally:
        memory.clear()


def drain(*, now: datetime | None = None) -> int:
    """Do at once what workers do: changed rules, waiting events, memberships that are due.

    What was shown and waits in this process is written before. Returns how many buffered
    requests were processed.
    """
    now = now or timezone.now()
    exposure_queue.flush()
    refresh_segments(now=now)
    processed = process_events(now=now)
    settle_memberships(now=now)
    return processed


@contextmanager
def exposures_at_once() -> Iterator[None]:
    """Write what is shown at once, with the transaction of the test. Also a decorator.

    Else it is written a moment after that transaction has committed, which that of a
    `TestCase` never does.
    """
    with override_settings(PERSONALIZATION_EXPOSURE_DELAY=timedelta(0)):
        yield


def exposures(slot: str = "") -> list[JsonObject]:
    """Return what was shown and is stored, oldest first, of one `slot` or of all: the
    properties of the events."""
    shown = Event.objects.filter(name=SLOT_SHOWN).order_by("timestamp", "pk")
    found = shown.values_list("properties", flat=True)
    return [properties for properties in found if slot in ("", properties.get("slot"))]


def synthetic_visitor(segment: Segment, *, now: datetime | None = None) -> SyntheticVisitor:
    """Store a visitor who enters `segment` by its rule; its `leave()` makes them leave again.

    :raises NoWitness: if nobody was found who does, or who could be stored.
    """
    return enter(segment, now=now or timezone.now())


class BufferContract:
    """What every buffer must do. A buffer of your own passes it too:

        @pytest.mark.django_db
        class TestQueueBuffer(BufferContract):
            def make_buffer(self) -> Buffer:
                return QueueBuffer()

    or, with Django's test runner, `class QueueBufferTests(BufferContract, TestCase)`.
    Each test needs the test database and a buffer that is empty at first. Set
    `transactional` to False if `ack` cannot be taken back with the transaction: such a
    buffer may lose acknowledged events and is for tests only.
    """

    transactional = True

    def make_buffer(self) -> Buffer:
        """Return a buffer; all that are returned share what they keep."""
        raise NotImplementedError

    def test_an_empty_buffer_has_nothing_to_claim(self) -> None:
        assert self.make_buffer().depth() == 0
        assert self._claimed() == []

    def test_a_batch_comes_back_as_it_was_given(self) -> None:
        events: list[JsonObject] = [
            {"name": "Größe ✓", "n": 1.5, "deep": {"list": [1, None, True, {}]}},
            {},
        ]
        batch = self._append(events=events)
        with transaction.atomic():
            (claimed,) = self.make_buffer().claim(10)
        assert claimed.id is not None
        assert claimed.source_id == batch.source_id
        assert list(claimed.events) == events
        assert claimed.received_at == batch.received_at

    def test_a_large_batch_comes_back_whole(self) -> None:
        text = 'ü✓🛒\\"\n' * 20_000
        self._append(events=[{"number": number, "text": text} for number in range(3)])
        with transaction.atomic():
            (claimed,) = self.make_buffer().claim(1)
        assert [event["number"] for event in claimed.events] == [0, 1, 2]
        assert all(event["text"] == text for event in claimed.events)

    def test_the_oldest_are_claimed_first_and_no_more_than_asked_for(self) -> None:
        for number in range(4):
            self._append(number)
        assert self.make_buffer().depth() == 4
        assert self._claimed(limit=3) == [0, 1, 2]

    def test_what_is_not_acknowledged_is_claimed_again(self) -> None:
        self._append(1)
        assert self._claimed() == [1]
        assert self._claimed() == [1]

    def test_what_is_acknowledged_is_gone_and_the_rest_stays(self) -> None:
        for number in range(3):
            self._append(number)
        with transaction.atomic():
            claimed = self.make_buffer().claim(3)
            self.make_buffer().ack([claimed[0], claimed[2]])
        assert self.make_buffer().depth() == 1
        assert self._claimed() == [1]

    def test_an_acknowledgement_is_taken_back_with_its_transaction(self) -> None:
        if not self.transactional:
            return
        self._append(1)
        with transaction.atomic():
            self.make_buffer().ack(self.make_buffer().claim(1))
            transaction.set_rollback(True)
        assert self._claimed() == [1]

    def test_what_is_claimed_still_counts(self) -> None:
        self._append(1)
        with transaction.atomic():
            self.make_buffer().claim(1)
            assert self.make_buffer().depth() == 1

    def test_what_is_appended_in_a_transaction_commits_with_it(self) -> None:
        if not self.transactional:
            return
        with transaction.atomic():
            self._append(1)
            transaction.set_rollback(True)
        assert self.make_buffer().depth() == 0
        with transaction.atomic():
            self._append(2)
            self._append(3)
        assert self.make_buffer().depth() == 2
        with transaction.atomic():
            claimed = self.make_buffer().claim(10)
            assert self._numbers(claimed) == [2, 3]
            self.make_buffer().fail(claimed[0], "ValueError: no")
        with transaction.atomic():
            claimed = self.make_buffer().claim(10)
            assert self._numbers(claimed) == [3, 2]
            self.make_buffer().ack(claimed)
        assert self.make_buffer().depth() == 0

    def test_nothing_can_be_acknowledged(self) -> None:
        self._append(1)
        self.make_buffer().ack([])
        assert self.make_buffer().depth() == 1

    def test_a_failed_batch_is_tried_again_behind_all_others(self) -> None:
        self._append(1)
        self._append(2)
        for tried in range(3):
            with transaction.atomic():
                claimed = self.make_buffer().claim(10)
                assert [batch.events[0]["number"] for batch in claimed] == (
                    [2, 1] if tried else [1, 2]
                )
                first = min(claimed, key=lambda batch: str(batch.events))
                assert first.attempts == tried
                self.make_buffer().fail(first, "ValueError: no")
        assert self.make_buffer().depth() == 2

    def test_counting_may_stop_at_a_limit(self) -> None:
        for number in range(3):
            self._append(number)
        assert self.make_buffer().depth(limit=2) >= 2

    def test_a_failed_batch_keeps_its_events(self) -> None:
        batch = self._append(events=[{"text": "Größe ✓"}])
        with transaction.atomic():
            self.make_buffer().fail(self.make_buffer().claim(1)[0], "ValueError: Größe")
        with transaction.atomic():
            (claimed,) = self.make_buffer().claim(1)
        assert list(claimed.events) == list(batch.events)
        assert claimed.received_at == batch.received_at

    def test_somebody_is_taken_out_and_the_rest_stays(self) -> None:
        self._append(events=[{"number": 1, "who": ["Größe-ann-1"]}, {"number": 2}])
        self._append(3)
        assert self.make_buffer().remove(_ANN) == 1
        assert set(self._all_numbers()) == {2, 3}

    def test_a_batch_of_nobody_else_goes_as_a_whole(self) -> None:
        self._append(events=[{"number": 1, "who": "Größe-ann-1"}])
        assert self.make_buffer().holds(_ANN)
        assert self.make_buffer().remove(_ANN) == 1
        assert not self.make_buffer().holds(_ANN)
        assert self.make_buffer().depth() == 0

    def test_somebody_is_taken_out_of_what_a_worker_holds(self) -> None:
        self._append(events=[{"number": 1, "who": "Größe-ann-1"}, {"number": 2}])
        with transaction.atomic():
            self.make_buffer().claim(10)
        assert self.make_buffer().remove(_ANN) == 1
        assert not self.make_buffer().holds(_ANN)
        assert self._all_numbers() == [2]

    def _all_numbers(self) -> list[object]:
        with transaction.atomic():
            batches = self.make_buffer().claim(10)
        return [event["number"] for batch in batches for event in batch.events]

    def _append(self, number: int = 0, *, events: list[JsonObject] | None = None) -> Batch:
        source, _ = Source.objects.get_or_create(slug="buffer-contract", defaults={"name": "B"})
        batch = Batch(
            source_id=source.pk,
            events=[{"number": number}] if events is None else events,
            received_at=datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC),
        )
        self.make_buffer().append(batch)
        return batch

    def _claimed(self, *, limit: int = 10) -> list[object]:
        with transaction.atomic():
            return self._numbers(self.make_buffer().claim(limit))

    def _numbers(self, batches: Sequence[Batch]) -> list[object]:
        return [batch.events[0]["number"] for batch in batches]


class SharedBufferContract(BufferContract):
    """What a buffer must do besides that several workers take from at once.

    Its tests commit: use `django_db(transaction=True)` or `TransactionTestCase`. They are
    skipped on SQLite, where a second transaction would wait for the first.
    """

    def bury(self) -> None:
        """Do what it takes until the claims of a worker that died are given to others."""

    def test_no_two_workers_hold_the_same_batch(self) -> None:
        self._need_transactions_side_by_side()
        for number in range(6):
            self._append(number)
        with transaction.atomic():
            mine = self._numbers(self.make_buffer().claim(2))
            theirs = self._elsewhere(lambda: self._claimed(limit=3))
        assert (mine, theirs) == ([0, 1], [2, 3, 4])
        assert self.make_buffer().depth() == 6

    def test_what_a_dead_worker_held_is_claimed_by_others(self) -> None:
        self._need_transactions_side_by_side()
        for number in range(3):
            self._append(number)

        def die() -> None:
            with transaction.atomic():
                self.make_buffer().ack(self.make_buffer().claim(2))
                connection.close()  # as the end of the process would
                transaction.set_rollback(True)

        self._elsewhere(die)
        self.bury()
        for _ in range(200):  # a server may take a moment to notice
            if (claimed := self._claimed()) == [0, 1, 2]:
                break
            time.sleep(0.05)
        assert claimed == [0, 1, 2]
        assert self.make_buffer().depth() == 3

    def test_many_workers_take_each_batch_once(self) -> None:
        self._need_transactions_side_by_side()
        for number in range(40):
            self._append(number)
        taken: list[object] = []

        def work() -> None:
            while True:
                with transaction.atomic():
                    batches = self.make_buffer().claim(3)
                    self.make_buffer().ack(batches)
                if not batches:
                    return
                taken.extend(self._numbers(batches))

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(self._closing, work) for _ in range(4)]:
                done.result()
        assert sorted(map(str, taken)) == sorted(map(str, range(40)))
        assert self.make_buffer().depth() == 0

    @staticmethod
    def _need_transactions_side_by_side() -> None:
        if connection.vendor == "sqlite":
            raise SkipTest("SQLite lets one transaction write at a time")

    def _elsewhere(self, work: Callable[[], T]) -> T:
        """Run `work` as another worker would: in a thread with a connection of its own."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self._closing, work).result()

    @staticmethod
    def _closing(work: Callable[[], T]) -> T:
        try:
            return work()
        finally:
            # Also in memory, where Django keeps it open for the other threads.
            BaseDatabaseWrapper.close(connections[DEFAULT_DB_ALIAS])
