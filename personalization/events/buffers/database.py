"""The embedded default: one row per request, in the database of the site."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection
from django.db.models import F
from django.utils import timezone

from personalization.conf import settings
from personalization.events.buffer import Batch
from personalization.events.models import BufferedBatch


class DatabaseBuffer:
    """Durable as the database is. Workers share the rows with SKIP LOCKED where it exists;
    on SQLite the immediate transaction lets one worker in at a time."""

    def append(self, batch: Batch) -> None:
        BufferedBatch.objects.create(
            source_id=batch.source_id, events=batch.events, received_at=batch.received_at
        )

    def claim(self, limit: int) -> list[Batch]:
        rows = (
            BufferedBatch.objects.select_for_update(
                skip_locked=connection.features.has_select_for_update_skip_locked
            )
            .filter(parked_at=None)
            .order_by("attempts", "id")[:limit]
        )
        return [
            Batch(
                id=row.pk,
                source_id=row.source_id,
                events=row.events,
                received_at=row.received_at,
            )
            for row in rows
        ]

    def ack(self, batches: Sequence[Batch]) -> None:
        BufferedBatch.objects.filter(pk__in=[batch.id for batch in batches]).delete()

    def fail(self, batch: Batch, error: str) -> None:
        assert batch.id is not None
        row = BufferedBatch.objects.filter(pk=batch.id)
        row.update(attempts=F("attempts") + 1, error=error)
        row.filter(attempts__gte=settings.BUFFER_ATTEMPTS).update(parked_at=timezone.now())

    def depth(self) -> int:
        return BufferedBatch.objects.filter(parked_at=None).count()
