"""Which messages became events: what keeps an event from being stored twice."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from itertools import chain
from typing import TypeAlias

from django.db import connections, router

from personalization.events.models import StoredMessage

#: (source id, message id)
Message: TypeAlias = tuple[int, str]


def take(messages: Collection[Message], *, now: datetime) -> set[Message]:
    """Note the messages as stored; return those that were not before.

    One statement. A worker that notes the same message at the same time waits here for
    the other's transaction, and then finds it stored or free.
    """
    if not messages:
        return set()
    connection = connections[router.db_for_write(StoredMessage)]
    stored_at = connection.ops.adapt_datetimefield_value(now)
    # Always in the same order, so that no two workers wait for each other.
    rows = [(*message, stored_at) for message in sorted(messages)]
    sql = (
        f"INSERT INTO {StoredMessage._meta.db_table} (source_id, message_id, stored_at)"  # noqa: S608
        f" VALUES {', '.join(['(%s, %s, %s)'] * len(rows))}"
        " ON CONFLICT (source_id, message_id) DO NOTHING RETURNING source_id, message_id"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, list(chain.from_iterable(rows)))
        return set(cursor.fetchall())
