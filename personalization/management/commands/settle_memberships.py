"""Tell departures and ripenings that are due; the twin of the Celery task."""

from __future__ import annotations

from personalization.management.loop import LoopCommand
from personalization.segments.settle import settle_memberships


class Command(LoopCommand):
    help = "Move on the memberships that time alone has changed."
    work = staticmethod(settle_memberships)
    done = "%d profiles moved on."
