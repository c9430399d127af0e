"""A buffer in this process, for tests: it forgets when the process ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import ClassVar

from personalization.conf import settings
from personalization.events.buffer import Batch


class MemoryBuffer:
    """Shared by all instances, as the instances of `DatabaseBuffer` share a table."""

    waiting: ClassVar[dict[int, Batch]] = {}
    attempts: ClassVar[dict[int, int]] = {}
    parked: ClassVar[dict[int, str]] = {}
    _ids = count(1)

    def append(self, batch: Batch) -> None:
        number = next(self._ids)
        self.waiting[number] = replace(batch, id=number)

    def claim(self, limit: int) -> list[Batch]:
        order = sorted(self.waiting, key=lambda number: (self.attempts.get(number, 0), number))
        return [self.waiting[number] for number in order[:limit]]

    def ack(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            self._forget(batch)

    def fail(self, batch: Batch, error: str) -> None:
        assert isinstance(batch.id, int)
        self.attempts[batch.id] = self.attempts.get(batch.id, 0) + 1
        if self.attempts[batch.id] >= settings.BUFFER_ATTEMPTS:
            self.parked[batch.id] = error
            self._forget(batch)

    def depth(self) -> int:
        return len(self.waiting)

    def clear(self) -> None:
        self.waiting.clear()
        self.attempts.clear()
        self.parked.clear()

    def _forget(self, batch: Batch) -> None:
        assert isinstance(batch.id, int)
        self.waiting.pop(batch.id, None)
        self.attempts.pop(batch.id, None)
