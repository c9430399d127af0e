"""Write down who is not to come back, to lie beside the backups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from personalization.privacy.erasure.backups import written_list


class Command(BaseCommand):
    help = "Write the list of suppressions, which holds pseudonyms only, for after a restore."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="Where to write it; - prints it.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"] == "-":
            for line in written_list():
                self.stdout.write(line, ending="")
            return
        path = Path(options["file"])
        # Beside it first: a list that was cut off must not take the place of a whole one.
        unfinished = path.with_name(f".{path.name}.part")
        try:
            with unfinished.open("w", encoding="utf-8") as file:
                n = sum(1 for line in written_list() if file.write(line))
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise CommandError(f"{path}: {error}") from error
        self.stdout.write(f"{path}: {n:,} suppressions.")
