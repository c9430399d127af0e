"""Make the monthly partitions ahead, and let go of events that are too old."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.utils import timezone

from personalization.conf import settings
from personalization.events.expiry import Kept, first_kept, keep_months


class Command(BaseCommand):
    help = (
        "Make the partitions of the coming months (PostgreSQL), and delete or archive the "
        "events of months that are wholly older than PERSONALIZATION_RETENTION."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--archive",
            metavar="DIR",
            default=settings.EVENT_ARCHIVE,
            help="Write what goes into this folder before (default PERSONALIZATION_EVENT_ARCHIVE).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now, folder = timezone.now(), options["archive"]
        try:
            kept = keep_months(now=now, archive=Path(folder) if folder else None)
        except OSError as error:
            raise CommandError(
                f"The archive cannot be written, the events stay: {error}"
            ) from error
        except OperationalError as error:
            raise CommandError(f"The events are in use, try again later: {error}") from error
        for sentence in sentences(kept):
            self.stdout.write(sentence)
        self.stdout.write(f"Events are kept from {first_kept(now).start:%Y-%m-%d} on.")


def sentences(kept: Kept) -> Iterator[str]:
    """Yield what was done."""
    for month, n in kept.made.items():
        yield f"{month}: made, {n:,} events moved in."
    for month, n in kept.gone.items():
        yield f"{month}: gone with {n:,} events."
    for file in kept.files:
        yield f"Written: {file}"
    if kept.forgotten:
        yield f"{kept.forgotten:,} old messages forgotten."
