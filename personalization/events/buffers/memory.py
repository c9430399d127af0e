"""A buffer in this process, for tests: it forgets when the process ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import ClassVar

from personalization.events.buffer import Batch, named_in, without
from personalization.profiles.needles import Needles


class MemoryBuffer:
    """Shared by all instances, as the instances of `DatabaseBuffer` share a table."""

    waiting: ClassVar[dict[int, Batch]] = {}
    errors: ClassVar[dict[int, str]] = {}
    _ids = count(1)

    def append(self, batch: Batch) -> None:
        number = next(self._ids)
        self.waiting[number] = replace(batch, id=number)

    def claim(self, limit: int) -> list[Batch]:
        order = sorted(self.waiting, key=lambda number: (self.waiting[number].attempts, number))
        return [self.waiting[number] for number in order[:limit]]

    def ack(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            assert isinstance(batch.id, int)
            self.waiting.pop(batch.id, None)
            self.errors.pop(batch.id, None)

    def fail(self, batch: Batch, error: str) -> None:
        assert isinstance(batch.id, int)
        known = self.waiting[batch.id]
        self.waiting[batch.id] = replace(known, attempts=known.attempts + 1)
        self.errors[batch.id] = error

    def depth(self, *, limit: int | None = None) -> int:
        return len(self.waiting) if limit is None else min(limit, len(self.waiting))

    def remove(self, needles: Needles) -> int:
        removed = 0
        for number, batch in list(self.waiting.items()):
            kept = without(batch, needles=needles)
            removed += len(batch.events) - len(kept.events)
            if kept.events:
                self.waiting[number] = kept
            else:
                self.ack([batch])
        return removed

    def holds(self, needles: Needles) -> bool:
        waiting = list(self.waiting.values())
        return any(named_in(event, needles=needles) for each in waiting for event in each.events)

    def clear(self) -> None:
        self.waiting.clear()
        self.errors.clear()
