"""What time does to events that lie aside: some can go on, some are over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Case, F, Q, TextField, Value, When

from personalization.conf import settings
from personalization.events.models import Source
from personalization.ingest.arrival import Arrival
from personalization.ingest.audience import forget_yesterday
from personalization.ingest.findings import purge_findings
from personalization.ingest.humanity import purge_held, release_held
from personalization.ingest.models import DeadLetter
from personalization.ingest.permission import Permissions
from personalization.ingest.quarantine import FAILED, JOINS, purge_resolved
from personalization.profiles.identity import Key
from personalization.profiles.models import Identity

#: How long an event waits that came too late: hardly anybody mends that.
TOO_OLD_FOR: Final = timedelta(days=30)
#: How many letters are asked about at once.
_ROUND: Final = 200


def tidy_quarantine(*, now: datetime) -> int:
    """Release held events of people known by now, and delete what is over, the digests of
    yesterday's audience, too; return how many."""
    return (
        release_held(now=now)
        + purge_held(now=now)
        + purge_resolved(now=now)
        + purge_waiting(now=now)
        + forget_refused(now=now)
        + purge_findings(now=now)
        + forget_yesterday(now=now)
    )


def purge_waiting(*, now: datetime) -> int:
    """Delete what has waited for longer than events are kept; return how many."""
    over = Q(received_at__lt=now - settings.RETENTION)
    over |= Q(code="too_old", received_at__lt=now - TOO_OLD_FOR)
    deleted, _ = DeadLetter.objects.filter(over, status=DeadLetter.Status.WAITING).delete()
    return deleted


def forget_refused(*, now: datetime) -> int:
    """Delete what waits of people of whom nothing may be kept by now; return how many.

    Four queries for each 200 letters.
    """
    forgotten, last = 0, 0
    while some := list(_waiting(after=last)):
        permissions = Permissions(some, now=now)
        refused = [one.pk for one in some if not permissions.allow(one, trusted=one.trusted)]
        if refused:
            letters = DeadLetter.objects.filter(pk__in=refused, status=DeadLetter.Status.WAITING)
            forgotten += letters.delete()[0]
        last = some[-1].pk
    return forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A letter that waits: whose it is, and whether its sender is believed."""

    pk: int
    keys: tuple[Key, ...]
    trusted: bool


def _waiting(*, after: int) -> Iterator[_Waiting]:
    # Bodies may be long, and only one that the worker set aside says there whose it is.
    taken = Case(When(code=FAILED, then=F("body")), default=Value(""), output_field=TextField())
    rows = DeadLetter.objects.filter(status=DeadLetter.Status.WAITING, pk__gt=after)
    for pk, namespace, value, sender, kind, body in rows.order_by("pk").values_list(
        "pk", "namespace", "value", "sender", "source__kind", taken
    )[:_ROUND]:
        key = (Key(namespace, value),) if namespace else ()
        trusted = kind == Source.Kind.SERVER and sender.get("trusted", True)
        yield _Waiting(pk=pk, keys=_of_taken(body) or (*key, *_joins(sender)), trusted=trusted)


def _joins(sender: dict[str, Any]) -> Iterator[Key]:
    """Yield the further identities that were noted, and the visitor of the cookie."""
    for namespace, value in sender.get(JOINS, ()):
        yield Key(namespace, value)
    if visitor_id := sender.get("visitor_id"):
        yield Key(Identity.ANONYMOUS, visitor_id)


def _of_taken(body: str) -> tuple[Key, ...]:
    try:
        return Arrival.from_json(json.loads(body)).keys
    except (KeyError, TypeError, ValueError):
        return ()
