"""Bring back the events of an archive."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from personalization.events.models import Source
from personalization.exceptions import BufferUnavailable, UnreadableFile
from personalization.ingest.imports.lines import read_lines
from personalization.ingest.imports.opening import open_file
from personalization.ingest.restore import restore


class Command(BaseCommand):
    help = "Bring back the events of an archive that partition_events wrote."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="+", help="The archives.")
        parser.add_argument("--source", required=True, help="Slug of the source they are of.")

    def handle(self, *args: Any, **options: Any) -> None:
        source = Source.objects.filter(slug=options["source"]).first()
        if source is None:
            slugs = ", ".join(Source.objects.values_list("slug", flat=True))
            raise CommandError(f"There is no source “{options['source']}”. There are: {slugs}.")
        for path in options["file"]:
            self._restore(path, source)

    def _restore(self, path: str, source: Source) -> None:
        read = restored = 0
        try:
            with open_file(path) as file:
                lines = (line.data for line in read_lines(file.stream))
                for portion in restore(lines, source=source, now=timezone.now()):
                    read, restored = read + portion.read, restored + portion.restored
        except (UnreadableFile, BufferUnavailable) as error:
            raise CommandError(f"{path}: {error} {restored} events were brought back.") from error
        self.stdout.write(f"{path}: {restored:,} of {read:,} events brought back.")
