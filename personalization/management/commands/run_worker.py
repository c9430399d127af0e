"""All background work in one process, for sites that run no Celery."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from personalization.ingest.pipeline import process_events
from personalization.management.loop import LoopCommand
from personalization.segments.refresh import refresh_segments
from personalization.segments.settle import settle_memberships


def work_through(*, now: datetime) -> int:
    """Do what there is to do; changed rules first, so that new events meet them."""
    return refresh_segments(now=now) + process_events(now=now) + settle_memberships(now=now)


class Command(LoopCommand):
    help = "Process events, settle memberships and refresh segments until stopped."
    work = staticmethod(work_through)
    done = "%d pieces of work done."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--once", action="store_true", help="Do one round only.")

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **{**options, "loop": not options["once"]})
