"""What came into the log since a model learned from it, whenever it happened; and who left it.

Events are numbered as they are stored. When one happened says nothing of that, as devices send
late; nor does when it was received, as it may have waited for a worker since.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max

from personalization.events.models import Event
from personalization.ml.consenting import CONSENTS
from personalization.ml.feedback import stored_item_events
from personalization.privacy.models import Consent
from personalization.types import Purpose

#: An answer of before a look may be written while it lasts.
_MEANWHILE: Final = timedelta(minutes=10)


def last_event() -> int:
    """Return the number of the event that was stored last, 0 if there is none (one query)."""
    found: int | None = Event.objects.aggregate(last=Max("pk"))["last"]
    return found or 0


def has_arrived(*, after: int | None, since: datetime, until: datetime) -> bool:
    """Return whether something was stored after that event that can be learned of items: done
    from `since` until before `until`, by who agrees.

    Two queries, of which one looks at newer events alone. Without a number there may be something.
    """
    if after is None:
        return True
    events = Event.objects.filter(
        pk__gt=after,
        name__in=sorted(stored_item_events().names),
        timestamp__gte=since,
        timestamp__lt=until,
        **{f"identity__profile__snapshot__{CONSENTS}": True},
    )
    return events.exists()


def has_left(*, since: datetime) -> bool:
    """Return whether somebody who agreed to personalization has taken that back since (one query)."""
    purpose = Purpose.PERSONALIZATION.value
    taken_back = Consent.objects.filter(
        recorded_at__gte=since - _MEANWHILE,
        purpose=purpose,
        granted=False,
        identity__consents__purpose=purpose,
        identity__consents__granted=True,
    )
    return taken_back.exists()
