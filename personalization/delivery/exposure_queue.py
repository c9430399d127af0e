"""Exposures on their way to the buffer: a page hands them over and waits for nothing.

A thread of each process writes what has come together, all of it in one append, about every
`PERSONALIZATION_EXPOSURE_DELAY`; so does the end of the interpreter. With a delay of nothing
they are written at once, in the transaction of the page, and there is no thread.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import timedelta
from functools import partial

from django.db import DataError, connections, router, transaction
from django.db import Error as DatabaseFailed
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from personalization import metrics
from personalization.conf import settings
from personalization.events.models import BufferedBatch
from personalization.exceptions import PersonalizationError
from personalization.ingest.accept import keep
from personalization.ingest.arrival import Arrival
from personalization.ingest.identities import Sender
from personalization.ingest.tracked import forget_tracked_source, tracked_source

logger = logging.getLogger(__name__)

#: Makes the event of what was shown when it is written, so that no page waits for that either.
Exposure = Callable[[], Arrival]

#: How many may wait; beyond that the oldest are lost.
MOST = 10_000
#: As many do not wait for the delay.
MANY = 500
#: In one append.
BATCH = 2500
#: Seconds until another try after one that failed, and how long the end of a process may take.
PAUSE, END_WITHIN = 5.0, 10.0
#: What may be wrong with a buffer: its server, its settings, the database.
FAILURES = (DatabaseFailed, PersonalizationError, ImportError, OSError)


def hand_over(exposure: Exposure, *, delay: timedelta) -> None:
    """Have the exposure written soon, once the transaction that it is in has committed.

    With a delay of nothing: now, with that transaction. Never raises what a buffer does.
    """
    if not delay and not _in_event_loop():
        _write_with_the_page(exposure)
        return
    alias = router.db_for_write(BufferedBatch)
    connection = connections[alias]
    if connection.in_atomic_block:
        transaction.on_commit(partial(_queue.put, exposure), using=alias, robust=True)
    else:
        _queue.put(exposure)


def flush() -> int:
    """Write what waits in this process; return how many exposures were written."""
    return _queue.flush()


def forget() -> None:
    """Drop what waits, with the thread (tests and forked processes need it)."""
    global _queue
    _queue.close()
    _queue = ExposureQueue()


class ExposureQueue:
    """What waits in this process, oldest first, and the thread that writes it.

    The thread begins with the first exposure: a process that is about to be forked has none.
    """

    def __init__(self) -> None:
        self._waiting: deque[Exposure] = deque()
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._failing = False

    def put(self, exposure: Exposure) -> None:
        with self._changed:
            if len(self._waiting) >= MOST:
                self._waiting.popleft()
                metrics.count("exposures.lost")
            self._waiting.append(exposure)
            if len(self._waiting) in (1, MANY):
                self._changed.notify()
            if self._thread is None or not self._thread.is_alive():
                self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="exposures", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # there is no room for one; the next exposure tries again
            metrics.count("exposures.without_thread")
            return
        self._thread = thread

    def flush(self, *, within: float = -1) -> int:
        """Write what waits; return how many were written. `within` bounds, in seconds, the wait
        for one who is at it."""
        written = 0
        if not self._writing.acquire(timeout=within):
            return written
        try:
            while (some := self._taken()) and self._written(some):
                written += len(some)
        finally:
            self._writing.release()
        return written

    def close(self) -> None:
        """Let the thread end without writing anything more; one that writes is waited for."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify()
        with self._writing:
            pass

    def _run(self) -> None:
        while self._wait():
            try:
                self.flush()
            finally:
                _close_connections()  # none stays open between two turns
            if self._failing:
                time.sleep(PAUSE)

    def _wait(self) -> bool:
        """Wait for an exposure, then for others to come together; return whether to go on."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            delay = settings.EXPOSURE_DELAY.total_seconds()
            self._changed.wait_for(lambda: len(self._waiting) >= MANY or self._closed, delay)
            return not self._closed

    def _taken(self) -> list[Exposure]:
        with self._changed:
            n = 0 if self._closed else min(len(self._waiting), BATCH)
            return [self._waiting.popleft() for _ in range(n)]

    def _written(self, exposures: Sequence[Exposure]) -> bool:
        """Write the exposures, or put them back for another try."""
        try:
            _write(exposures)
        except DataError as error:
            return self._sifted(exposures, error)
        except FAILURES as error:
            _count_failure(error, once=self._failing)
            self._failing = True
            self._put_back(exposures)
            return False
        except BaseException:
            metrics.count("exposures.lost", by=len(exposures))
            raise
        self._failing = False
        return True

    def _sifted(self, exposures: Sequence[Exposure], error: DataError) -> bool:
        """Write one by one what the database does not take together; drop what it never will."""
        if len(exposures) > 1:
            written = [self._written([exposure]) for exposure in exposures]
            return all(written)
        _count_failure(error, once=False)
        metrics.count("exposures.lost")
        return True

    def _put_back(self, exposures: Sequence[Exposure]) -> None:
        with self._changed:
            room = 0 if self._closed else max(MOST - len(self._waiting), 0)
            kept = exposures[len(exposures) - min(room, len(exposures)) :]
            self._waiting.extendleft(reversed(kept))
        metrics.count("exposures.lost", by=len(exposures) - len(kept))


def _write(exposures: Sequence[Exposure]) -> None:
    now = timezone.now()
    source = tracked_source(now=now)
    sender = Sender(trusted=source.is_server, visitor_id=None, received_at=now)
    keep([exposure() for exposure in exposures], source=source, sender=sender)


def _write_with_the_page(exposure: Exposure) -> None:
    alias = router.db_for_write(BufferedBatch)
    # A failure inside of a transaction of the page must not take the page along.
    in_transaction = connections[alias].in_atomic_block
    try:
        with transaction.atomic(using=alias) if in_transaction else nullcontext():
            _write([exposure])
    except FAILURES as error:
        _count_failure(error, once=False)
        metrics.count("exposures.lost")


def _count_failure(error: Exception, *, once: bool) -> None:
    """Count a failure; `once` says that it was logged before."""
    metrics.count("exposures.failed")
    forget_tracked_source()  # it may be gone
    if not once:
        logger.warning(
            "What was shown cannot be written down now: %s", error,
            extra={"action": "exposures_failed"},
        )  # fmt: skip


def _close_connections() -> None:
    """Close all of this thread, also those to SQLite in memory, which Django keeps open."""
    connections.close_all()
    for connection in connections.all(initialized_only=True):
        if connection.vendor == "sqlite":
            BaseDatabaseWrapper.close(connection)


def _in_event_loop() -> bool:
    """Return whether this thread runs an event loop, in which Django lets nobody write."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _end() -> None:
    if _queue.flush(within=END_WITHIN):
        connections.close_all()


def _forget_after_fork() -> None:
    global _queue
    _queue = ExposureQueue()  # what waits is the parent's, and so are its thread and its locks


_queue = ExposureQueue()
atexit.register(_end)
if hasattr(os, "register_at_fork"):  # where there are forks
    os.register_at_fork(after_in_child=_forget_after_fork)
