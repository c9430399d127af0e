"""Let go of what lies aside and is over; the twin of the Celery task."""

from __future__ import annotations

from personalization.ingest.tidy import tidy_quarantine
from personalization.management.loop import LoopCommand


class Command(LoopCommand):
    help = "Release held events of people known by now, and delete what is over."
    work = staticmethod(tidy_quarantine)
    done = "%d events and findings tidied up."
