"""Look whether models have drifted; the twin of the Celery task."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from personalization.ml.training.outdated import stale_models
from personalization.ml.training.watching import check_models


class Command(BaseCommand):
    help = (
        "Say whether models still see what they learned from, and which are too old; "
        "train anew what has drifted."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        found = check_models(now=now)
        for old in stale_models(now=now):
            self.stdout.write(str(old))
        for each in found:
            self.stdout.write(f"{each.version}: {each.verdict}")
            for remark in each.remarks():
                self.stdout.write(f"  {remark}")
        if not found:
            self.stdout.write("No model that can drift serves.")
