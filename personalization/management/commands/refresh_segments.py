"""Bring memberships after changed rules; the twin of the Celery task."""

from __future__ import annotations

from personalization.management.loop import LoopCommand
from personalization.segments.refresh import refresh_segments


class Command(LoopCommand):
    help = "Evaluate changed rules for every profile."
    work = staticmethod(refresh_segments)
    done = "%d profiles refreshed."
