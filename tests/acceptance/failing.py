"""A database that is down for a while, and a worker that is behind for a while."""

from __future__ import annotations

from django.db import OperationalError

from personalization.events.buffer import Batch
from personalization.events.buffers.database import DatabaseBuffer


class FailingBuffer(DatabaseBuffer):
    """Fails for the next `left` requests, before or `after` it has kept their events."""

    left = 0
    after = False

    def append(self, batch: Batch) -> None:
        failing = type(self).left > 0
        if not failing or self.after:
            super().append(batch)
        if failing:
            type(self).left -= 1
            raise OperationalError("the database system is shutting down")


class FullBuffer(DatabaseBuffer):
    """Says to the next `left` who ask that too much waits."""

    left = 0

    def depth(self, *, limit: int | None = None) -> int:
        if type(self).left:
            type(self).left -= 1
            return limit or 1
        return 0
