"""Write what models learn from into a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import SystemRandom
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.module_loading import import_string

from personalization.clock import microseconds
from personalization.exceptions import PersonalizationError
from personalization.ml.features.shipped import names
from personalization.privacy.audit import note
from personalization.privacy.models import AuditEntry

#: By its place: who imports it computes with numpy.
_EXPORT = "personalization.ml.features.export.export_features"
_WARNING = (
    "The file will say whose rows they are, and can be joined with everything else that is known "
    "of these people. Write it? [y/N] "
)


class Command(BaseCommand):
    help = "Write the features of everybody who consents, at one instant or several, into a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", help="Where to write: FILE.parquet (needs pyarrow) or FILE.csv."
        )
        parser.add_argument(
            "--at", action="append", type=_instant, metavar="TIME",
            help="An instant, as in 2026-03-01T00:00:00Z; may be repeated. Default: now.",
        )  # fmt: skip
        parser.add_argument(
            "--feature", action="append", metavar="NAME",
            help="A feature; may be repeated. Default: all that are shipped or added.",
        )  # fmt: skip
        parser.add_argument(
            "--with-profiles", action="store_true", help="Say whose each row is. Asks before."
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask whether it is meant.")

    def handle(self, *args: Any, **options: Any) -> None:
        with_profiles = options["with_profiles"]
        if with_profiles and not (options["yes"] or _is_meant()):
            raise CommandError("Nothing was written.")
        try:
            done = _exporter()(
                Path(options["file"]),
                at=[microseconds(each) for each in options["at"] or [timezone.now()]],
                features=options["feature"] or names(),
                with_profiles=with_profiles,
                rng=SystemRandom(),
            )
        except PersonalizationError as error:
            raise CommandError(str(error)) from error
        note(
            AuditEntry.Action.EXPORTED,
            actor_name="export_features",
            kind="features",
            name=done.version,
            rows=done.rows,
            visitors=done.visitors,
            with_profiles=with_profiles,
        )
        self.stdout.write(
            f"{options['file']}: {done.rows:,} rows of {done.visitors:,} visitors, "
            f"features {done.version}."
        )


def _exporter() -> Callable[..., Any]:
    try:
        export: Callable[..., Any] = import_string(_EXPORT)
    except ImportError as error:
        raise CommandError(
            "The extra “ml” is not installed: pip install personalization[ml]."
        ) from error
    return export


def _is_meant() -> bool:
    return input(_WARNING).strip().lower() in ("y", "yes")


def _instant(text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or timezone.is_naive(found):
        raise CommandError(f"“{text}” is no instant: write it as in 2026-03-01T00:00:00Z.")
    return found
