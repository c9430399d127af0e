"""Let go of what is older than it is kept, in every store and a batch at a time.

Each batch is a transaction of its own and what is gone is gone: killed at any point, the next
run goes on. Events go by months, with what follows from them: `events/expiry.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from personalization import metrics
from personalization.conf import settings
from personalization.profiles.stores import Store, stores

#: Rows of one transaction.
BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Term:
    """How long a store keeps what it has; what came `before` is over."""

    name: str
    store: Store
    kept_for: timedelta
    before: datetime

    @property
    def overdue(self) -> QuerySet[Any]:
        """What is over, and what goes first in front."""
        return self.store.overdue(before=self.before)


def terms(*, now: datetime) -> Iterator[Term]:
    """Yield the term of each store that has one."""
    for name, store in stores.items():
        kept_for = settings.RETENTION_OF.get(name, store.kept_for)
        if kept_for is not None and grows_old(store):
            before = now - kept_for
            yield Term(name=name, store=store(), kept_for=kept_for, before=before)


def grows_old(store: type[Store]) -> bool:
    """Return whether what is in the store is ever over by itself."""
    return store.overdue is not Store.overdue


def purge_personal_data(*, now: datetime, budget: timedelta | None = None) -> int:
    """Delete what is over; return how many rows, without those that went along.

    After `budget` no further batch is begun; None: until there is none.
    """
    until = None if budget is None else time.monotonic() + budget.total_seconds()
    done = 0
    for term in terms(now=now):
        # At least one batch, or a store that comes late would never have its turn.
        while n := _purge_some(term):
            done += n
            if until is not None and time.monotonic() >= until:
                break
    return done


def _purge_some(term: Term) -> int:
    with transaction.atomic():
        overdue = term.overdue
        numbers = list(overdue.values_list("pk", flat=True)[:BATCH])
        if not numbers:
            return 0
        n = term.store.let_go(overdue.filter(pk__in=numbers))
    metrics.count("retention.purged", by=n)
    return n
