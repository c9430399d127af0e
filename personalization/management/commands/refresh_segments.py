"""Bring memberships after changed rules; the twin of the Celery task."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from personalization.management.loop import LoopCommand
from personalization.segments.refresh import refresh_segments

#: In turns, so that what is evaluated is never evaluated for an instant long past.
TURN = timedelta(seconds=5)


def refresh_in_turns(*, now: datetime) -> int:
    done = n = refresh_segments(now=now, budget=TURN)
    while n:
        n = refresh_segments(now=timezone.now(), budget=TURN)
        done += n
    return done


class Command(LoopCommand):
    help = "Evaluate changed rules for every profile."
    work = staticmethod(refresh_in_turns)
    done = "%d profiles refreshed."
