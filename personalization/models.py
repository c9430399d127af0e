"""The models of every package, for Django only. Import them from where they are defined."""

from __future__ import annotations

from personalization.delivery.models import Slot, Variation
from personalization.events.models import BufferedBatch, Event, Source
from personalization.privacy.models import Consent
from personalization.profiles.models import Identity, Profile, Snapshot, Visit
from personalization.segments.models import Membership, Revision, Segment

__all__ = [
    "BufferedBatch",
    "Consent",
    "Event",
    "Identity",
    "Membership",
    "Profile",
    "Revision",
    "Segment",
    "Slot",
    "Snapshot",
    "Source",
    "Variation",
    "Visit",
]
