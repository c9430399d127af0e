"""An arrival on its way through the worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from personalization.events.messages import Message
from personalization.events.models import Source
from personalization.ingest.arrival import Arrival


@dataclass(frozen=True, slots=True)
class Item:
    """An arrival with where it came from."""

    arrival: Arrival
    source: Source
    received_at: datetime

    @property
    def message(self) -> Message:
        return self.source.pk, self.arrival.message_id
