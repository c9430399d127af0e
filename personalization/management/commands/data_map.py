"""Print where data of people lie, or what is held that nothing uses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from personalization.reports.data_map import Place, places
from personalization.reports.held import Held, held, unused


class Command(BaseCommand):
    help = "Print where data of people lie, what for, how long, and how they are erased."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--unused", action="store_true",
            help="Print the events, properties and traits that are held and that nothing uses.",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["unused"]:
            listed = unused(held())
            lines, as_json = _unused_lines(listed), {"unused": [each.as_json() for each in listed]}
        else:
            found = places()
            lines, as_json = _place_lines(found), {"stores": [each.as_json() for each in found]}
        if options["json"]:
            self.stdout.write(json.dumps(as_json, ensure_ascii=False, indent=2))
            return
        for line in lines:
            self.stdout.write(line)


def _place_lines(found: Sequence[Place]) -> Iterator[str]:
    for place in found:
        yield place.name
        yield f"  Holds:    {place.holds}"
        yield f"  Used for: {place.used_for}"
        yield f"  Kept:     {place.kept}"
        yield f"  Erased:   {place.erased}"
        for table in place.tables:
            yield f"  Table {table.name}: {', '.join(column.name for column in table.columns)}"


def _unused_lines(listed: Sequence[Held]) -> Iterator[str]:
    for each in listed:
        of = f" of {each.event}" if each.event else ""
        since = f", since {each.since:%Y-%m-%d}" if each.since else ""
        yield f"{each.what} {each.name}{of}: {each.n}{since}"
    yield f"{len(listed)} held and not used." if listed else "Everything that is held is used."
