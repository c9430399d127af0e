"""What the code of the site itself says of its visitors: no request, no key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import OperationalError

from personalization.events.buffer import Batch
from personalization.events.models import Source
from personalization.ingest.accept import keep
from personalization.ingest.arrival import Arrival
from personalization.ingest.calls import read_event
from personalization.ingest.identities import Sender
from personalization.ingest.pipeline import process_now

SERVER_SOURCE = "django"


def site_source() -> Source:
    """Return the source that stands for the site's own code."""
    source, _ = Source.objects.get_or_create(
        slug=SERVER_SOURCE, defaults={"name": "This site", "kind": Source.Kind.SERVER}
    )
    return source


def capture(call: Mapping[str, Any], *, now: datetime, at_once: bool = False) -> None:
    """Record one call of the Segment spec, durably with the current transaction.

    `at_once` also has everything follow from it before this returns; where that fails,
    a worker does it.

    :raises EventRejected: naming what is wrong with the event.
    """
    source = site_source()
    sender = Sender(trusted=True, visitor_id=None, received_at=now)
    arrival = read_event(call, sender=sender)
    if not (at_once and _is_processed(arrival, source, now=now)):
        keep([arrival], source=source, sender=sender)


def _is_processed(arrival: Arrival, source: Source, *, now: datetime) -> bool:
    batch = Batch(source_id=source.pk, events=[arrival.to_json()], received_at=now)
    try:
        return process_now(batch, now=now)
    except OperationalError:  # a deadlock; the worker will not meet the same one
        return False
