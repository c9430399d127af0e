"""Let go of what is older than it is kept; the twin of the Celery task."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from personalization.privacy.retention import purge_personal_data, terms


class Command(BaseCommand):
    help = "Delete what is older than it is kept, in every store, a batch at a time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Say how much of each store is too old."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if not options["dry_run"]:
            self.stdout.write(f"Rows deleted: {purge_personal_data(now=now):,}.")
            return
        for term in terms(now=now):
            self.stdout.write(
                f"{term.name}: {term.overdue.count():,} rows from before "
                f"{term.before:%Y-%m-%d %H:%M} ({term.kept_for.days:,} days)."
            )
