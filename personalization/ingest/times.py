"""When an event really happened, as far as the client's clock can be corrected."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from personalization.clock import EPOCH
from personalization.exceptions import EventRejected

#: Before it, a time says more of the client's clock than of the event.
EARLIEST = EPOCH


def read_time(value: Any) -> datetime | None:
    """Return the aware datetime that an ISO 8601 text stands for, None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def happened_at(stated: Any, *, sent_at: datetime | None, received_at: datetime) -> datetime:
    """Return the instant of an event, corrected for the skew of the client's clock.

    Segment's formula: receivedAt − (sentAt − timestamp). Without `sent_at` the
    stated time stands. Nothing happens in the future.

    :raises EventRejected: when a time is stated that cannot be read or is absurd.
    """
    if stated is None:
        return received_at
    moment = read_time(stated)
    if moment is None:
        raise EventRejected(
            f"/timestamp: “{str(stated)[:50]}” is not an ISO 8601 date and time.",
            code="invalid_timestamp",
            pointer="/timestamp",
        )
    if sent_at is not None:
        try:
            moment = received_at - (sent_at - moment)
        except OverflowError:
            raise _absurd("/timestamp is out of range.") from None
    if moment < EARLIEST:
        raise _absurd(f"/timestamp lies before {EARLIEST:%Y}.")
    return min(moment, received_at)


def _absurd(message: str) -> EventRejected:
    return EventRejected(message, code="invalid_timestamp", pointer="/timestamp")
