"""What a process keeps in memory of the database, and looks at again now and then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from django.db import Error as DatabaseFailed
from django.db import connections, router, transaction

from personalization import metrics
from personalization.ml.models import Item

logger = logging.getLogger(__name__)

T = TypeVar("T")


def apart() -> AbstractContextManager[object]:
    """Return what a read stands in whose failure must not take the transaction of the page along."""
    alias = router.db_for_read(Item)
    return transaction.atomic(using=alias) if connections[alias].in_atomic_block else nullcontext()


class Kept(Generic[T]):
    """A value that is read again once it is older than `fresh`, by whoever asks first.

    `read` gets the value that there was, None at first, and may return it. While one thread
    reads, the others go on with what there was; so they do while the database is away.
    """

    def __init__(self, read: Callable[[T | None, datetime], T], *, fresh: timedelta) -> None:
        self._read = read
        self._fresh = fresh
        self._lock = threading.Lock()
        self._kept: tuple[T, datetime] | None = None
        self._reader: threading.Thread | None = None

    def at(self, now: datetime) -> T:
        """Return the value; it is at most `fresh` older than `now`, unless it cannot be read.

        :raises django.db.Error: if there is none yet and the database is away.
        """
        kept = self._kept
        if kept is not None and timedelta(0) <= now - kept[1] < self._fresh:
            return kept[0]
        if not self._lock.acquire(blocking=kept is None):
            assert kept is not None
            return kept[0]
        try:
            if self._kept is not kept and self._kept is not None:  # another thread has read it
                return self._kept[0]
            value = self._looked_at(kept, now)
            self._kept = (value, now)
            return value
        finally:
            self._lock.release()

    @property
    def is_read_aside(self) -> bool:
        """Whether a thread reads what will be the value."""
        return self._reader is not None and self._reader.is_alive()

    def read_aside(self, before: T, read: Callable[[], T]) -> None:
        """Have a thread read what takes long; until then `before` is to serve.

        If that fails, whoever looks next begins again.
        """
        self._reader = threading.Thread(
            target=self._take_the_place, args=(before, read), name="kept", daemon=True
        )
        self._reader.start()

    def forget(self) -> None:
        """Drop the value (tests that roll the database back need it)."""
        self._kept = None

    def _looked_at(self, kept: tuple[T, datetime] | None, now: datetime) -> T:
        try:
            with apart():
                return self._read(kept[0] if kept else None, now)
        except DatabaseFailed as error:
            if kept is None:
                raise
            _count_failure(error)
            return kept[0]

    def _take_the_place(self, before: T, read: Callable[[], T]) -> None:
        try:
            value = read()
        except DatabaseFailed as error:
            _count_failure(error)
            return
        finally:
            connections.close_all()  # those of this thread
        with self._lock:  # whoever began this has put `before` in its place by then
            if self._kept is not None and self._kept[0] is before:
                self._kept = (value, self._kept[1])


def _count_failure(error: DatabaseFailed) -> None:
    metrics.count("models.not_looked_at")
    logger.warning(
        "What serves is not looked at again now: %s", error, extra={"action": "serving_not_read"}
    )
