"""Which messages became events: what keeps an event from being stored twice."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeAlias

from personalization import bulk
from personalization.events.models import StoredMessage

#: (source id, message id)
Message: TypeAlias = tuple[int, str]


def take(messages: Collection[Message], *, now: datetime) -> set[tuple[Any, ...]]:
    """Note the messages as stored; return those that were not before.

    A worker that notes the same message at the same time waits here for the other's
    transaction, and then finds it stored or free.
    """
    # Always in the same order, so that no two workers wait for each other.
    rows = [
        {"source_id": source_id, "message_id": message_id, "stored_at": now}
        for source_id, message_id in sorted(messages)
    ]
    return bulk.insert_new(StoredMessage, rows, key=("source_id", "message_id"))
