"""All background work in one process, for sites that run no Celery."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser

from personalization.events.expiry import sweep
from personalization.ingest.pipeline import process_events
from personalization.ingest.tidy import tidy_quarantine
from personalization.management.loop import LoopCommand
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships

EVERY = timedelta(hours=1)


class Worker:
    """Does what there is to do, when it is called."""

    def __init__(self) -> None:
        self._sweep_at = datetime.min.replace(tzinfo=UTC)

    def __call__(self, *, now: datetime) -> int:
        # Changed rules first, so that new events meet them.
        done = refresh_segments(now=now) + process_events(now=now) + settle_memberships(now=now)
        if now >= self._sweep_at:
            self._sweep_at = now + EVERY  # also when it fails: the next try is not at once
            sweep(now=now)
            tidy_quarantine(now=now)
        return done


class Command(LoopCommand):
    help = "Process events, settle memberships and refresh segments until stopped."
    done = "%d pieces of work done."

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.work = Worker()

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--once", action="store_true", help="Do one round only.")

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **{**options, "loop": not options["once"]})
