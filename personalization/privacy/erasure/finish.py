"""Finish what was asked for: erase what takes long, search everything, sign the receipt.

Nothing is done while something is found: it is tried again, and the admin shows where.
"""

from __future__ import annotations

import logging
import zlib
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet

from personalization import hints, metrics
from personalization.exceptions import PersonalizationError
from personalization.privacy.erasure.receipt import signed_receipt
from personalization.privacy.erasure.request import request_erasure
from personalization.privacy.models import Erasure
from personalization.privacy.search import search
from personalization.profiles.identity import Key
from personalization.profiles.needles import Needles
from personalization.profiles.stores import Subject, stores

logger = logging.getLogger(__name__)

#: A worker that has not come back after so long has died; another one begins anew.
LEASE = timedelta(minutes=30)
#: The first pause after a try that left something; each is twice the one before.
PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
#: What may be wrong with a place: its server, its files, the database.
FAILURES = (DatabaseError, PersonalizationError, OSError, EOFError, zlib.error)


def erase(subject: Subject, *, channel: str, by: Any = None, now: datetime) -> Erasure:
    """Do all of an erasure at once; it waits for another try where something was left."""
    erasure = request_erasure(subject, channel=channel, by=by, now=now)
    _claim(erasure, now=now)
    _finish(erasure, now=now)
    return erasure


def finish_erasures(*, now: datetime) -> int:
    """Finish what is due; return how many erasures were tried."""
    tried = 0
    # An erasure that was tried is due again only later.
    for erasure in _due(now).order_by("next_at", "pk"):
        if _claim(erasure, now=now):
            _finish(erasure, now=now)
            tried += 1
    return tried


def try_now(erasures: QuerySet[Erasure], *, now: datetime) -> int:
    """Have those tried soon that are not done; return how many there are."""
    n = erasures.exclude(status=Erasure.Status.DONE).update(next_at=now)
    if n:
        hints.hint(hints.FINISH_ERASURES)
    return n


def _due(now: datetime) -> QuerySet[Erasure]:
    return Erasure.objects.filter(~Q(status=Erasure.Status.DONE), next_at__lte=now)


def _claim(erasure: Erasure, *, now: datetime) -> bool:
    """Lease the erasure, so that no other worker does the same."""
    as_read = Erasure.objects.filter(pk=erasure.pk, attempts=erasure.attempts)
    mine = as_read.exclude(status=Erasure.Status.DONE).update(
        attempts=erasure.attempts + 1, next_at=now + LEASE
    )
    if mine:
        erasure.attempts += 1
    return bool(mine)


def _finish(erasure: Erasure, *, now: datetime) -> None:
    keys = [Key(*key) for key in erasure.keys]
    former = frozenset(erasure.former)
    try:
        _erase_slowly(erasure, Subject(keys=frozenset(keys), former=former))
        found = search(Needles.of(keys, profile_ids=former))
    except FAILURES as error:
        # Not what it says: a database tells the values of a row.
        logger.warning("An erasure failed: %s", type(error).__name__, extra={"action": "erasure"})
        _put_off(erasure, now=now, error=_told(error))
        return
    if found:
        _put_off(erasure, now=now, found=dict(found))
    else:
        _sign(erasure, now=now)


def _erase_slowly(erasure: Erasure, subject: Subject) -> None:
    counts = Counter(erasure.erased)
    for name, store in reversed([*stores.items()]):
        counts[name] += store().erase_slowly(subject)
    erasure.erased = {name: n for name, n in counts.items() if n}


def _put_off(
    erasure: Erasure, *, now: datetime, found: dict[str, list[str]] | None = None, error: str = ""
) -> None:
    metrics.count("erasures.put_off")
    erasure.status = Erasure.Status.FAILED
    erasure.found, erasure.error = found or {}, error
    erasure.next_at = now + min(PAUSE * (1 << min(erasure.attempts - 1, 20)), LONGEST_PAUSE)
    erasure.save(update_fields=("status", "found", "error", "next_at", "erased"))


def _sign(erasure: Erasure, *, now: datetime) -> None:
    erasure.status, erasure.finished_at, erasure.next_at = Erasure.Status.DONE, now, None
    erasure.keys, erasure.former, erasure.found, erasure.error = [], [], {}, ""
    erasure.receipt, erasure.signature = signed_receipt(erasure)
    with transaction.atomic():
        erasure.save()
    metrics.count("erasures.done")


def _told(error: BaseException) -> str:
    """Return what an operator may read of it."""
    is_ours = isinstance(error, PersonalizationError | OSError)
    return f"{type(error).__name__}: {error}" if is_ours else type(error).__name__
