"""Events that are set aside: with the reason, as they came."""

from __future__ import annotations

import json
from datetime import datetime

from personalization.events.buffer import Batch
from personalization.ingest.models import DeadLetter


def bury(batch: Batch, error: Exception, *, now: datetime) -> None:
    """Set the events of a batch aside that the worker cannot process."""
    DeadLetter.objects.bulk_create(
        DeadLetter(
            source_id=batch.source_id,
            code="processing_failed",
            message=f"{type(error).__name__}: {error}",
            body=json.dumps(event, ensure_ascii=False),
            received_at=batch.received_at,
        )
        for event in batch.events
    )
