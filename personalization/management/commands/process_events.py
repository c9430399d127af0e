"""Take buffered events through the pipeline; the twin of the Celery task."""

from __future__ import annotations

from personalization.ingest.pipeline import process_events
from personalization.management.loop import LoopCommand


class Command(LoopCommand):
    help = "Store buffered events and bring profiles and memberships up to them."
    work = staticmethod(process_events)
    done = "%d buffered requests processed."
