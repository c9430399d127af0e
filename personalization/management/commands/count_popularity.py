"""Count what is popular; the twin of the Celery task."""

from __future__ import annotations

from django.core.management.base import CommandParser

from personalization.management.loop import LoopCommand
from personalization.ml.serving.popular_worker import count_popularity


class Command(LoopCommand):
    help = "Count what is popular from the newest events, for every process to read."
    work = staticmethod(count_popularity)
    done = "%d events counted."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(pause=60.0)
