"""The embedded default: one row per request, in the database of the site."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.db import connections, router, transaction
from django.db.models import F

from personalization.events.buffer import Batch, without
from personalization.events.models import BufferedBatch
from personalization.profiles.needles import Needles, naming
from personalization.types import JsonObject


class DatabaseBuffer:
    """Durable as the database is. Workers share the rows with SKIP LOCKED where it exists;
    on SQLite the immediate transaction lets one worker in at a time."""

    def append(self, batch: Batch) -> None:
        # In plain SQL: this stands between every request and its answer.
        connection = connections[router.db_for_write(BufferedBatch)]
        payload = _written(batch.events)
        received_at = connection.ops.adapt_datetimefield_value(batch.received_at)
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [batch.source_id, payload, len(batch.events), received_at])

    def claim(self, limit: int) -> list[Batch]:
        connection = connections[router.db_for_write(BufferedBatch)]
        rows = BufferedBatch.objects.select_for_update(
            skip_locked=connection.features.has_select_for_update_skip_locked
        ).order_by("attempts", "id")[:limit]
        return [_batch(row) for row in rows]

    def ack(self, batches: Sequence[Batch]) -> None:
        BufferedBatch.objects.filter(pk__in=[batch.id for batch in batches]).delete()

    def fail(self, batch: Batch, error: str) -> None:
        assert batch.id is not None
        BufferedBatch.objects.filter(pk=batch.id).update(attempts=F("attempts") + 1, error=error)

    def depth(self, *, limit: int | None = None) -> int:
        return BufferedBatch.objects.all()[:limit].count()

    def remove(self, needles: Needles) -> int:
        removed = 0
        with transaction.atomic(router.db_for_write(BufferedBatch)):
            rows = BufferedBatch.objects.select_for_update().order_by("pk")
            for row in list(naming(rows, needles=needles, fields=_TEXTS)):
                kept = without(_batch(row), needles=needles).events
                removed += row.n_events - len(kept)
                if kept:
                    row.payload, row.n_events, row.error = _written(kept), len(kept), ""
                    row.save(update_fields=("payload", "n_events", "error"))
                else:
                    row.delete()
        return removed

    def holds(self, needles: Needles) -> bool:
        return any(naming(BufferedBatch.objects.order_by(), needles=needles, fields=_TEXTS))


#: Where somebody may be named: the error of a database tells the values of a row.
_TEXTS = ("payload", "error")


def _batch(row: BufferedBatch) -> Batch:
    return Batch(
        id=row.pk,
        source_id=row.source_id,
        events=json.loads(row.payload),
        received_at=row.received_at,
        attempts=row.attempts,
    )


def _written(events: Sequence[JsonObject]) -> str:
    return json.dumps(events, ensure_ascii=False, separators=(",", ":"))


_INSERT = (
    f"INSERT INTO {BufferedBatch._meta.db_table}"  # noqa: S608 - of names of our own
    " (source_id, payload, n_events, received_at, attempts, error)"
    " VALUES (%s, %s, %s, %s, 0, '')"
)
