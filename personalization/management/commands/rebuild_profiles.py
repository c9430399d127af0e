"""Derive profiles anew from the log."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from personalization.profiles.models import Profile
from personalization.segments.rebuild import CHUNK, rebuild_profiles


class Command(BaseCommand):
    help = "Derive snapshots, visits and memberships anew from the stored events."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("profile", nargs="*", type=int, help="Profile ids (default: all).")

    def handle(self, *args: Any, **options: Any) -> None:
        ids = options["profile"] or list(
            Profile.objects.order_by("pk").values_list("pk", flat=True)
        )
        for start in range(0, len(ids), CHUNK):
            rebuild_profiles(ids[start : start + CHUNK], now=timezone.now())
            if options["verbosity"] > 0:
                self.stdout.write(f"{min(start + CHUNK, len(ids))} of {len(ids)}")
        self.stdout.write(f"{len(ids)} profiles rebuilt.")
