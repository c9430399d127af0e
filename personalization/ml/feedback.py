"""The weights of feedback that count now: as shipped, with what a site has written over them.

A row outweighs what is shipped for its event, and 0 leaves the event out; for events without
a row it stays as shipped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from django.db.models.signals import post_delete, post_save

from personalization.ml.item_events import SHIPPED, ItemEvents, Weighing
from personalization.ml.models import FeedbackWeight

#: Seconds for which a process believes that the weights are what they were.
FRESH = 5.0

_kept: tuple[float, ItemEvents] | None = None


def stored_item_events() -> ItemEvents:
    """Return which events concern items, and how much they say (one query)."""
    rows = FeedbackWeight.objects.values_list("event", "weight", "property")
    return item_events_with({event: Weighing(weight, named) for event, weight, named in rows})


def item_events() -> ItemEvents:
    """Return the same for who asks again and again: a query every few seconds at most."""
    global _kept
    kept = _kept  # another thread may replace it meanwhile
    if kept is None or time.monotonic() - kept[0] > FRESH:
        kept = _kept = (time.monotonic(), stored_item_events())
    return kept[1]


def item_events_with(written: Mapping[str, Weighing]) -> ItemEvents:
    """Return what is shipped with `written` in place of what it says of the same events."""
    return ItemEvents({**SHIPPED, **written})


def forget(**kwargs: object) -> None:
    """Look again next time: what this process has just written counts in it at once."""
    global _kept
    _kept = None


post_save.connect(forget, sender=FeedbackWeight, dispatch_uid="personalization.feedback")
post_delete.connect(forget, sender=FeedbackWeight, dispatch_uid="personalization.feedback")
