"""Look for what is odd about the rules of segments."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from personalization.conf import settings
from personalization.delivery.models import Variation
from personalization.delivery.pages import segments_on_pages
from personalization.delivery.templates import segments_named
from personalization.rules.lint_findings import Finding, Severity
from personalization.segments.lint import Limits, lint_site
from personalization.segments.models import Segment

LEVELS = {"warning": Severity.WARNING, "error": Severity.ERROR, "never": None}
DEFAULTS = Limits()


class Command(BaseCommand):
    help = "Find rules that contradict themselves, say nothing, or are not used."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="*", help="Segments (default: all that are active).")
        parser.add_argument("--format", choices=("text", "json"), default="text")
        parser.add_argument(
            "--fail-level", choices=LEVELS, default="error",
            help="Exit with 1 if something as bad as this is found (default: error).",
        )  # fmt: skip
        parser.add_argument(
            "--min-members", type=_number, default=DEFAULTS.min_members, metavar="N",
            help=f"A segment with fewer is too small (default {DEFAULTS.min_members}).",
        )  # fmt: skip
        parser.add_argument(
            "--min-share", type=_number, default=DEFAULTS.min_share, metavar="PERCENT",
            help="So is one with a smaller share of all profiles (default 0).",
        )  # fmt: skip
        parser.add_argument(
            "--live-days", type=_number, default=DEFAULTS.live_for.days, metavar="DAYS",
            help=f"Sizes are judged so long after a segment was made (default "
            f"{DEFAULTS.live_for.days}).",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = options["slug"]
        active = Segment.objects.listed().filter(active=True)
        slugs = list(active.values_list("slug", flat=True))
        if unknown := [slug for slug in wanted if slug not in slugs]:
            raise CommandError(f"There is no active segment {', '.join(unknown)}.", returncode=2)
        limits = Limits(
            min_members=int(options["min_members"]),
            min_share=options["min_share"],
            live_for=timedelta(days=options["live_days"]),
        )
        findings = lint_site(now=timezone.now(), shown=_shown(), limits=limits, only=wanted)
        level = LEVELS[options["fail_level"]]
        if options["format"] == "json":
            text = json.dumps(_report(findings), ensure_ascii=False, indent=2)
            self.stdout.write(text)
        else:
            for line in _lines(findings):
                self.stdout.write(line)
        if level is not None and any(each.severity >= level for each in findings):
            raise SystemExit(1)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no number.") from None
    if not 0 <= number <= 1_000_000:
        raise ArgumentTypeError(f"{text} is not from 0 to 1,000,000.")
    return number


def _shown() -> set[str]:
    """Return the segments that pages depend on: in variations, in the tags of templates, in the
    blocks of a CMS, and the one whose members are paused."""
    shown = Variation.objects.filter(active=True).values_list("segment__slug", flat=True)
    return segments_named().union(shown, segments_on_pages(), [settings.PAUSE_SEGMENT])


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    return {
        severity.word: sum(each.severity is severity for each in findings)
        for severity in sorted(Severity, reverse=True)
    }


def _report(findings: Sequence[Finding]) -> dict[str, Any]:
    return {"counts": _counts(findings), "findings": [each.as_json() for each in findings]}


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    for each in findings:
        place = " ".join(part for part in (", ".join(each.segments), each.pointer) if part)
        yield f"{each.severity.word} {each.code} {place or '(site)'}"
        yield f"  {each.message}"
        yield f"  {each.advice}"
    counts = _counts(findings)
    yield ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for word, n in counts.items()) + "."
