"""Check a receipt that somebody shows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from personalization.exceptions import ReceiptRejected
from personalization.privacy.erasure.receipt import LONGEST, verified


class Command(BaseCommand):
    help = "Say whether this site has written a receipt, and that nobody changed it since."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="The receipt; - reads it from the standard input.")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["file"]
        try:
            said = verified(_read(name))
        except (OSError, UnicodeDecodeError, ReceiptRejected) as error:
            raise CommandError(f"{name}: {error}") from error
        self.stdout.write(
            f"{name}: genuine. Erasure {said['uid']}, asked for at {said['requestedAt']}, "
            f"finished at {said['finishedAt']}; {len(said['searched'])} stores were searched."
        )


def _read(name: str) -> str:
    if name == "-":
        return sys.stdin.read(LONGEST + 1)
    with Path(name).open(encoding="utf-8") as file:
        return file.read(LONGEST + 1)
