"""Tell webhooks what waits for them; the twin of the Celery task."""

from __future__ import annotations

from personalization.management.loop import LoopCommand
from personalization.segments.deliveries import deliver_webhooks


class Command(LoopCommand):
    help = "Send what webhooks are to be told of entries into segments and departures."
    work = staticmethod(deliver_webhooks)
    done = "%d requests sent."
