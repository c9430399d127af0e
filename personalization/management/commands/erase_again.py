"""After a restore: erase everybody again who was erased since the backup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from personalization.exceptions import UnreadableFile
from personalization.privacy.erasure.backups import erase_again
from personalization.privacy.erasure.finish import finish_erasures


class Command(BaseCommand):
    help = "Erase everybody who is on a list that export_suppressions wrote."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="The list.")

    def handle(self, *args: Any, **options: Any) -> None:
        path, now = Path(options["file"]), timezone.now()
        try:
            with path.open(encoding="utf-8") as lines:
                repeated = erase_again(lines, now=now)
        except (OSError, UnicodeDecodeError, UnreadableFile) as error:
            raise CommandError(f"{path}: {error}") from error
        finish_erasures(now=now)
        self.stdout.write(
            f"{path}: {repeated.read:,} on the list, {repeated.added:,} new here; "
            f"{len(repeated.erasures):,} erased again."
        )
        for erasure in repeated.erasures:
            erasure.refresh_from_db()
            self.stdout.write(f"{erasure.uid}: {erasure.get_status_display()}")
