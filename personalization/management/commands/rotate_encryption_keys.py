"""Bring encrypted traits under the newest key."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from personalization.exceptions import CannotEncrypt
from personalization.ingest.reencryption import reencrypt
from personalization.privacy.encryption import new_key


class Command(BaseCommand):
    help = "Encrypt traits anew with the newest key, and those that are still in plain text."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--new", action="store_true", help="Print a new key, and change nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["new"]:
                self.stdout.write(new_key())
            else:
                self._rotate()
        except CannotEncrypt as error:
            raise CommandError(str(error)) from None

    def _rotate(self) -> None:
        looked, changed, unreadable = Counter[str](), Counter[str](), Counter[str]()
        for portion in reencrypt():
            looked[portion.place] += portion.looked
            changed[portion.place] += portion.changed
            unreadable[portion.place] += portion.unreadable
        for place in looked:
            self.stdout.write(f"{place}: {changed[place]} of {looked[place]} encrypted anew.")
        if total := unreadable.total():
            raise CommandError(
                f"{total} hold something that no key opens; they stay as they are. Put the key "
                "they were encrypted with at the end of PERSONALIZATION_ENCRYPTION_KEYS."
            )
