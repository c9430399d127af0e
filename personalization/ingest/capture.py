"""What the code of the site itself says of its visitors: no request, no key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import OperationalError, transaction

from personalization import hints
from personalization.conf import settings
from personalization.events.buffer import Batch, buffer
from personalization.events.models import Source
from personalization.exceptions import EventRejected, UnknownSource
from personalization.ingest.accept import judge, keep, withhold
from personalization.ingest.clean import refuse_poison
from personalization.ingest.identities import Sender
from personalization.ingest.inspection import inspection
from personalization.ingest.outcome import Outcome
from personalization.ingest.pipeline import process_now
from personalization.ingest.quarantine import set_aside

SERVER_SOURCE = "django"
#: Refusals that an operator decides on, for a source whose events must fit their schema.
_OPERATORS = frozenset({"schema_violation", "unknown_event"})


def site_source() -> Source:
    """Return the source that stands for the site's own code."""
    source, _ = Source.objects.get_or_create(
        slug=SERVER_SOURCE, defaults={"name": "This site", "kind": Source.Kind.SERVER}
    )
    return source


def server_source(slug: str) -> Source:
    """Return the server source of that name.

    :raises UnknownSource: naming those there are.
    """
    servers = Source.objects.filter(kind=Source.Kind.SERVER)
    source = servers.filter(slug=slug).first()
    if source is None:
        slugs = ", ".join(servers.values_list("slug", flat=True)) or "none"
        raise UnknownSource(f"There is no server source “{slug}”. There are: {slugs}.")
    return source


def record(call: Mapping[str, Any], *, source: Source, now: datetime, apply: bool = False) -> None:
    """Record one call, durably with the current transaction.

    `apply` has everything follow from it as soon as the transaction has committed, in this
    process. It lies in the buffer until then and after: a process that is killed between
    the two leaves it to the worker, who otherwise finds that it was done.

    :raises EventRejected: naming what is wrong with the event.
    :raises BufferUnavailable: when the buffer cannot keep it.
    """
    sender = Sender(trusted=True, visitor_id=None, received_at=now)
    outcome = _judged(call, source=source, sender=sender)
    withhold(outcome, sender=sender)
    if not apply:
        keep(outcome.arrivals, source=source, sender=sender)
    elif outcome.arrivals:
        events = [arrival.to_json() for arrival in outcome.arrivals]
        batch = Batch(source_id=source.pk, events=events, received_at=now)
        # Without a hint: a worker who is woken now would only get in the way.
        buffer().append(batch)
        # No partial: one that fails has no name for Django to log.
        transaction.on_commit(lambda: _apply(batch, now=now), robust=True)


def _judged(call: Mapping[str, Any], *, source: Source, sender: Sender) -> Outcome:
    refuse_poison(call)  # first, for it is no JSON yet: a date may be in it
    outcome = judge(
        [call],
        sender=sender,
        size=settings.EVENT_MAX_BYTES + 1,  # so that it is measured
        inspect=inspection(source=source, sender=sender),
    )
    if not outcome.rejected:
        return outcome
    first = outcome.rejected[0]
    if first.code not in _OPERATORS:
        raise EventRejected(first.message, code=first.code, pointer=first.pointer)
    # A switch in the admin is no reason for the code of the site to fail.
    set_aside(outcome.rejected, source=source, sender=sender)
    return outcome


def _apply(batch: Batch, *, now: datetime) -> None:
    try:
        done = process_now(batch, now=now)
    except OperationalError:  # a deadlock; the worker will not meet the same one
        done = False
    if not done:
        hints.hint(hints.PROCESS_EVENTS)
