"""Part again what a merge put together, as an operator may in the admin."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from personalization.ingest.merges import undo_merge
from personalization.profiles.merges import UndoRefused
from personalization.profiles.models import Merge


class Command(BaseCommand):
    help = "Undo a merge: its identities, with all their events, go back to profiles of their own."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("merge", type=int, help="Number of the merge in the merge log.")

    def handle(self, *args: Any, **options: Any) -> None:
        merge = Merge.objects.filter(pk=options["merge"]).first()
        if merge is None:
            raise CommandError(f"There is no merge {options['merge']} in the log.")
        try:
            changed = undo_merge(merge, now=timezone.now())
        except UndoRefused as error:
            raise CommandError(str(error)) from error
        names = ", ".join(map(str, sorted(changed)))
        self.stdout.write(f"Undone. Rebuilt were the profiles {names}.")
