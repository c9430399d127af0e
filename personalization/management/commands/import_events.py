"""Import the history of a site from a file."""

from __future__ import annotations

import time
from argparse import ArgumentTypeError
from contextlib import closing
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from personalization.conf import settings
from personalization.events.models import Source
from personalization.exceptions import BufferUnavailable, UnreadableFile
from personalization.ingest import pressure
from personalization.ingest.imports.access_log import AccessLog
from personalization.ingest.imports.jsonl import JsonLines
from personalization.ingest.imports.opening import OpenFile, open_file
from personalization.ingest.imports.progress import Progress
from personalization.ingest.imports.record import FIELDS, Reader
from personalization.ingest.imports.report import Report
from personalization.ingest.imports.rows import Rows
from personalization.ingest.imports.run import begin, finish, import_file
from personalization.ingest.models import ImportRun
from personalization.ingest.pipeline import process_events

#: Format → the options that only some formats know.
FORMATS: dict[str, tuple[str, ...]] = {
    "jsonl": ("set",),
    "csv": ("map", "set", "timezone"),
    "access-log": ("site", "exclude"),
}
#: With --process, the pipeline runs after so many portions of the file.
PORTIONS = 20
#: Seconds between two looks at a full buffer.
PAUSE = 1.0


class Command(BaseCommand):
    help = "Import events from a file: JSON Lines, CSV or an access log."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="The file, gzipped or not; “-” for standard input.")
        parser.add_argument("--source", required=True, help="Slug of the source they come from.")
        parser.add_argument("--format", required=True, choices=FORMATS)
        parser.add_argument(
            "--map", action="append", default=[], type=_pair, metavar="COLUMN=FIELD",
            help="csv: what a column is meant for; nothing behind the = leaves it out.",
        )  # fmt: skip
        parser.add_argument(
            "--set", action="append", default=[], type=_pair, metavar="FIELD=VALUE",
            help="csv, jsonl: what every event has unless it says otherwise.",
        )  # fmt: skip
        parser.add_argument(
            "--timezone", type=_zone, metavar="NAME",
            help="csv: where times without an offset were written (default UTC).",
        )  # fmt: skip
        parser.add_argument(
            "--site", default="", metavar="URL", help="access-log: address the paths belong to."
        )
        parser.add_argument(
            "--exclude", action="append", default=[], metavar="PREFIX",
            help="access-log: paths that begin so are no pages.",
        )  # fmt: skip
        parser.add_argument(
            "--process", action="store_true", help="Run the pipeline here, too: needs no worker."
        )
        parser.add_argument(
            "--again", action="store_true", help="Read a file once more that was imported."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        source = _source(options["source"])
        try:
            reader = _reader(options)
            with open_file(options["file"]) as file:
                run = begin(file, reader=reader, source=source, again=options["again"])
                if run.finished_at:
                    self.stdout.write(_known(run))
                else:
                    self._import(file, reader, run, process=options["process"])
        except UnreadableFile as error:
            raise CommandError(str(error)) from error
        except (OperationalError, InterfaceError, BufferUnavailable) as error:
            raise CommandError(f"The events cannot be kept now: {error}. {_GOES_ON}") from error
        except KeyboardInterrupt:
            raise CommandError(f"Stopped. {_GOES_ON}", returncode=130) from None

    def _import(self, file: OpenFile, reader: Reader, run: ImportRun, *, process: bool) -> None:
        progress, report = Progress(self.stderr, size=file.size), Report()
        if run.position:
            self.stderr.write(f"Going on behind line {run.lines:,}.")
        try:
            with closing(import_file(file, reader=reader, run=run, now=timezone.now())) as steps:
                for number, step in enumerate(steps, 1):
                    report.add(step)
                    if step.known:
                        progress.start(file.read())
                    progress.show(file.read(), events=report.accepted)
                    self._make_room(process=process, due=number % PORTIONS == 0)
            finish(run, now=timezone.now())
        finally:
            took = progress.finish(events=report.accepted)
            self.stdout.write("\n".join(report.sentences()))
        if process:
            process_events(now=timezone.now())
        self.stdout.write(f"{file.name} is imported: {took}.")

    def _make_room(self, *, process: bool, due: bool) -> None:
        """Let the worker keep up: wait for it, or be the worker."""
        if process and due:
            process_events(now=timezone.now())
        told, limit = False, settings.BUFFER_LIMIT
        while pressure.gauge.read(limit=limit) >= limit:
            if process and process_events(now=timezone.now()):
                continue
            if not told:
                self.stderr.write(f"Waiting for the worker: {limit:,} requests are before us.")
                told = True
            time.sleep(PAUSE)


_GOES_ON = "What was taken is kept; the same command goes on from there."


def _source(slug: str) -> Source:
    source = Source.objects.filter(slug=slug).first()
    if source is None:
        slugs = ", ".join(Source.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no source “{slug}”. There are: {slugs}.")
    return source


def _reader(options: dict[str, Any]) -> Reader:
    known = FORMATS[options["format"]]
    for name in sorted({name for names in FORMATS.values() for name in names}):
        if options[name] and name not in known:
            formats = ", ".join(format for format, names in FORMATS.items() if name in names)
            raise CommandError(f"--{name} is not for {options['format']}, only for: {formats}.")
    fields = dict(options["set"])
    if unknown := [field for field in fields if field not in FIELDS]:
        raise CommandError(f"--set knows no “{unknown[0]}”. Allowed: {', '.join(FIELDS)}.")
    if options["format"] == "csv":
        zone = options["timezone"] or ZoneInfo("UTC")
        return Rows(columns=dict(options["map"]), fields=fields, zone=zone)
    if options["format"] == "jsonl":
        return JsonLines(fields=fields)
    return AccessLog(site=options["site"], excluded=options["exclude"])


def _known(run: ImportRun) -> str:
    return (
        f"{run.name} was imported at {run.finished_at:%Y-%m-%d %H:%M}: {run.accepted:,} events "
        f"taken, {run.rejected:,} lines refused. With --again it is read once more; what is "
        "stored stays as it is."
    )


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise ArgumentTypeError(f"“{text}” is not of the form NAME=VALUE.")
    return name, value


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ArgumentTypeError(f"“{name}” is no time zone: {error}.") from None
