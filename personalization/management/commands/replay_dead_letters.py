"""Take in what was set aside and is mended by now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from personalization.ingest.replay import replay_many, waiting


class Command(BaseCommand):
    help = "Judge events again that were set aside, and take in those that pass."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--code", default="", help="Only those set aside for this reason.")
        parser.add_argument("--source", default="", help="Only those of the source of this slug.")

    def handle(self, *args: Any, **options: Any) -> None:
        letters = waiting(code=options["code"], source=options["source"])
        self.stdout.write(str(replay_many(letters, now=timezone.now())))
