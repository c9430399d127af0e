"""Say anew who is one person, after the limits were changed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from personalization.ingest.merges import resolve_profiles
from personalization.profiles.models import Profile
from personalization.segments.rebuild import CHUNK


class Command(BaseCommand):
    help = "Resolve anew which identities are one person, by the limits as they are now."

    def handle(self, *args: Any, **options: Any) -> None:
        ids = list(Profile.objects.order_by("pk").values_list("pk", flat=True))
        changed = 0
        for start in range(0, len(ids), CHUNK):
            changed += resolve_profiles(ids[start : start + CHUNK], now=timezone.now())
            if options["verbosity"] > 0:
                self.stdout.write(f"{min(start + CHUNK, len(ids))} of {len(ids)}")
        self.stdout.write(f"{changed} profiles changed.")
