"""Take in what the rules of today call a bot's no more."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from personalization.ingest.replay import replay_many, waiting


class Command(BaseCommand):
    help = "Judge the events again that were set aside as a bot's, by the rules of today."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(str(replay_many(waiting(code="bot"), now=timezone.now())))
