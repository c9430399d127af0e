"""How far the memberships of a segment follow what is asked of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from personalization.segments.models import Segment

State = Literal["off", "ended", "broken", "pending", "fresh"]


def state_of(segment: Segment, *, now: datetime) -> State:
    """Return `off` or `ended` where nobody is in it, `broken` where its rule cannot be used,
    `pending` while a worker has to catch up, else `fresh`."""
    if not segment.active:
        return "off"
    if has_ended(segment, now=now):
        return "ended"
    if segment.refresh_error:
        return "broken"
    if segment.refreshed_at is None:
        return "pending"
    return "fresh"


def has_ended(segment: Segment, *, now: datetime) -> bool:
    return segment.ends_at is not None and segment.ends_at <= now
