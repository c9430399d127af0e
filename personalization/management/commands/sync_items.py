"""Bring items up to the site's own tables and to events; the twin of the Celery task."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from personalization.management.loop import LoopCommand
from personalization.ml.training.items import synced_items
from personalization.ml.training.tables import Synced


class Command(LoopCommand):
    help = "Make and change items as the site's own tables and events say."
    done = "%d items made, changed or put out of use."

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.work = self._sync
        self._whole = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(pause=60.0)
        parser.add_argument(
            "--all",
            action="store_true",
            help="Read all events that are kept, and not only those since the last run.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._whole = options["all"]
        super().handle(*args, **options)

    def _sync(self, *, now: datetime) -> int:
        report = synced_items(now=now, whole=self._whole)
        self._whole = False  # once is enough for a loop
        for kind, synced in report.sources.items():
            self._tell(kind, synced)
        return report.total

    def _tell(self, kind: str, synced: Synced) -> None:
        for problem in synced.problems:
            self.stderr.write(problem)
        if unsaid := synced.refused - len(synced.problems):
            self.stderr.write(f"And {unsaid} more rows of {kind} are no items.")
