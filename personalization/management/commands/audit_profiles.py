"""Prove the live path against the log."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from personalization.monitoring.audit import audit_identities, audit_profiles


class Command(BaseCommand):
    help = "Compare every profile with what the stored events and links say it must be."

    def handle(self, *args: Any, **options: Any) -> None:
        differences = list(audit_profiles(now=timezone.now()))
        for difference in differences:
            self.stderr.write(
                f"Profile {difference.profile_id}: kept {difference.kept[:12]}, "
                f"the log says {difference.derived[:12]}."
            )
        wrong = list(audit_identities())
        for profile_id in wrong:
            self.stderr.write(f"Profile {profile_id}: has other identities than the links say.")
        if differences:
            raise CommandError(
                f"{len(differences)} profiles differ. rebuild_profiles derives them anew."
            )
        if wrong:
            raise CommandError(f"{len(wrong)} profiles differ. resolve_identities moves them.")
        self.stdout.write("Every snapshot equals what the log says.")
