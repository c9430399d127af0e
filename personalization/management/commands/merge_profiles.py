"""Make two profiles one, as an operator may in the admin."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from personalization.ingest.merges import merge_profiles
from personalization.profiles.merges import MergeRefused


class Command(BaseCommand):
    help = "Make two profiles one, whatever links and limits say. undo_merge parts them again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("one", type=int, help="Number of a profile.")
        parser.add_argument("other", type=int, help="Number of the other profile.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            kept = merge_profiles(options["one"], options["other"], now=timezone.now())
        except MergeRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Both are profile {kept} now.")
