from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.db import transaction

from personalization.events.buffer import Buffer, buffer
from personalization.events.buffers.database import DatabaseBuffer
from personalization.events.buffers.memory import MemoryBuffer
from personalization.events.models import BufferedBatch
from personalization.testing import BufferContract, SharedBufferContract, memory_buffer


@pytest.mark.django_db(transaction=True)
class TestDatabaseBuffer(SharedBufferContract):
    def make_buffer(self) -> Buffer:
        return DatabaseBuffer()

    def test_a_failed_batch_shows_its_error(self) -> None:
        self._append(7)
        with transaction.atomic():
            DatabaseBuffer().fail(DatabaseBuffer().claim(1)[0], "ValueError: Größe")
        row = BufferedBatch.objects.get()
        assert json.loads(row.payload) == [{"number": 7}]
        assert (row.attempts, row.error) == (1, "ValueError: Größe")


@pytest.mark.django_db
class TestMemoryBuffer(BufferContract):
    transactional = False

    @pytest.fixture(autouse=True)
    def _empty(self) -> Iterator[None]:
        with memory_buffer():
            yield

    def make_buffer(self) -> Buffer:
        return MemoryBuffer()


def test_the_memory_buffer_stands_in_for_the_configured_one() -> None:
    with memory_buffer() as memory:
        assert isinstance(buffer(), MemoryBuffer)
        assert memory.depth() == 0
    assert isinstance(buffer(), DatabaseBuffer)
