"""Give a source a new write key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from personalization.events.models import Source
from personalization.events.write_keys import rotate_write_key


class Command(BaseCommand):
    help = "Make a new write key for a source, print it, and end the others."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="Slug of the source.")
        parser.add_argument(
            "--keep-old", type=float, default=0, metavar="HOURS",
            help="How long its other keys go on working (default: not at all).",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        hours = options["keep_old"]
        if not 0 <= hours <= 24 * 366:
            raise CommandError(f"--keep-old is {hours:g}; 0 to 8784 hours are allowed.")
        source = Source.objects.filter(slug=options["source"]).first()
        if source is None:
            known = ", ".join(Source.objects.order_by("slug").values_list("slug", flat=True))
            raise CommandError(
                f"There is no source “{options['source']}”. Known: {known or 'none yet'}."
            )
        key = rotate_write_key(source, keep=timedelta(hours=hours), now=timezone.now())
        # The key alone goes to stdout, so that a script can take it from there.
        self.stdout.write(key)
        if options["verbosity"] > 0:
            end = f"in {hours:g} h" if hours else "now"
            self.stderr.write(f"A new key of “{source.name}”; it is not shown again.")
            self.stderr.write(f"Its other keys end {end}.")
