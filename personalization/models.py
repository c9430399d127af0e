"""The models of every package, for Django only. Import them from where they are defined."""

from __future__ import annotations

from personalization.delivery.models import Slot, Variation
from personalization.events.models import (
    BufferedBatch,
    Event,
    EventSchema,
    Source,
    StoredMessage,
    WriteKey,
)
from personalization.ingest.models import DeadLetter, HeldEvent, ImportRun, SchemaFinding
from personalization.privacy.models import Consent
from personalization.profiles.models import (
    Identity,
    IdentityLink,
    LinkVerdict,
    Merge,
    MergeSuggestion,
    Profile,
    Snapshot,
    Visit,
)
from personalization.segments.models import Membership, Revision, Segment

__all__ = [
    "BufferedBatch",
    "Consent",
    "DeadLetter",
    "Event",
    "EventSchema",
    "HeldEvent",
    "Identity",
    "IdentityLink",
    "ImportRun",
    "LinkVerdict",
    "Membership",
    "Merge",
    "MergeSuggestion",
    "Profile",
    "Revision",
    "SchemaFinding",
    "Segment",
    "Slot",
    "Snapshot",
    "Source",
    "StoredMessage",
    "Variation",
    "Visit",
    "WriteKey",
]
