"""Seal the consent log, see whether its chain is whole, and write it out as proof."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from personalization.privacy.audit import note
from personalization.privacy.chain import Verdict, exported, seal_records, verify_chain
from personalization.privacy.models import AuditEntry

_ACTOR = "consent_log"


class Command(BaseCommand):
    help = "Seal what is new in the consent log; verify it or export it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--verify", action="store_true", help="Look at every entry; fails where one is wrong."
        )
        parser.add_argument(
            "--seal",
            action="append",
            default=[],
            help="With --verify: a seal that was kept elsewhere and has to be in the chain.",
        )
        parser.add_argument(
            "--export", metavar="FILE", help="Write the log as lines of JSON; “-” prints it."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["seal"] and not options["verify"]:
            raise CommandError("--seal says what --verify looks for; add --verify.")
        sealed = seal_records(now=timezone.now())
        if options["export"]:
            self._export(options["export"])
        else:
            self.stdout.write(f"{sealed} entries sealed.")
        if options["verify"]:
            self._verify(tuple(options["seal"]))

    def _export(self, path: str) -> None:
        note(AuditEntry.Action.EXPORTED, actor_name=_ACTOR, kind="consent log")
        try:
            with self._open(path) as file:
                for line in exported():
                    file.write(line)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error}") from None

    def _open(self, path: str) -> AbstractContextManager[Any]:
        if path == "-":
            return nullcontext(_Lines(self.stdout))
        return open(path, "w", encoding="utf-8")

    def _verify(self, seals: tuple[str, ...]) -> None:
        verdict = verify_chain(stated=seals)
        for finding in verdict.findings:
            self.stderr.write(str(finding))
        for seal in verdict.missing:
            self.stderr.write(f"The seal {seal} is not in the chain any more.")
        if not verdict.is_whole:
            wrong = len(verdict.findings) + len(verdict.missing)
            raise CommandError(f"The consent log is not whole: {wrong} problems.")
        # Not among the lines of an export that is printed.
        self.stderr.write(_words(verdict))


class _Lines:
    """A stream of Django's that adds no line ends of its own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(line, ending="")


def _words(verdict: Verdict) -> str:
    if not verdict.sealed:
        return "The consent log is empty."
    places = f"places {verdict.first} to {verdict.last}"
    return f"The consent log is whole: {places}. Newest seal: {verdict.newest_seal}"
