"""What one read tells of a visitor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connections, router, transaction

from personalization.clock import microseconds
from personalization.delivery.published import NOTHING, Published, published
from personalization.profiles.models import Identity, Snapshot
from personalization.segments.models import Revision
from personalization.types import Microseconds


@dataclass(frozen=True)
class Known:
    """A visitor's consents and memberships, and what is published."""

    published: Published = NOTHING
    consents: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    profile_id: int | None = None


NOBODY = Known()


def read_visitor(visitor_id: str, *, now: datetime) -> Known:
    """Return what is known of the visitor: one read, by the unique key of the identity."""
    alias = router.db_for_read(Snapshot)
    connection = connections[alias]
    # A failure inside a transaction of the page must not take the page along.
    apart = transaction.atomic(using=alias) if connection.in_atomic_block else nullcontext()
    with apart:
        with connection.cursor() as cursor:
            cursor.execute(_sql(), [Revision.ID, Identity.ANONYMOUS, visitor_id])
            row = cursor.fetchone()
        return _known(row, microseconds(now)) if row else NOBODY


@cache
def _sql() -> str:
    """Return the read in plain SQL: building it with the ORM takes longer than running it."""
    snapshot, identity = Snapshot._meta.db_table, Identity._meta.db_table
    return (  # of names of our own; the values are parameters
        "SELECT snapshot.profile_id, snapshot.memberships, snapshot.consents,"  # noqa: S608
        f" (SELECT number FROM {Revision._meta.db_table} WHERE id = %s)"
        f" FROM {identity} identity"
        f" JOIN {snapshot} snapshot ON snapshot.profile_id = identity.profile_id"
        " WHERE identity.namespace = %s AND identity.value = %s"
    )


def _known(row: Sequence[Any], now: Microseconds) -> Known:
    profile_id, memberships, consents, revision = row
    config = published(revision or 0)
    return Known(
        published=config,
        consents=frozenset(name for name, yes in json.loads(consents).items() if yes is True),
        segments=_segments_at(now, memberships=json.loads(memberships), config=config),
        profile_id=profile_id,
    )


def _segments_at(
    now: Microseconds, *, memberships: Mapping[str, Sequence[int | None]], config: Published
) -> frozenset[str]:
    """Return the slugs of the memberships that hold at `now`, by their exact ends."""
    slugs = (
        config.slugs.get(int(key))
        for key, (since, until, _) in memberships.items()
        if since is not None and since <= now and (until is None or now < until)
    )
    return frozenset(slug for slug in slugs if slug is not None)
