"""Suggest which profiles may be one person, for operators to decide in the admin."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from personalization.conf import settings
from personalization.ingest.suggestions import renew_suggestions


class Command(BaseCommand):
    help = "Look for profiles that may be one person. Nothing is merged: an operator decides."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--at-least",
            type=float,
            default=0.5,
            help="The probability that a pair must have (default 0.5).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        at_least = options["at_least"]
        if not 0 <= at_least <= 1:
            raise CommandError(f"--at-least is {at_least}; a probability lies between 0 and 1.")
        if not settings.IDENTITY_SUGGESTIONS:
            raise CommandError("Set PERSONALIZATION_IDENTITY_SUGGESTIONS to True to use it.")
        n = renew_suggestions(now=timezone.now(), at_least=at_least)
        self.stdout.write(f"{n} pairs wait for an operator to decide.")
