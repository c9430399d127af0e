"""What is wrong with the saved rules of segments, by the catalogue as it is now, and what is odd.

A rule was good when it was saved. Since then an event may have become unknown, a property
may have changed its type, a segment that it speaks of may have been switched off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from personalization.admin.rule_check import line_of, problem_text
from personalization.clock import microseconds
from personalization.exceptions import InvalidRule
from personalization.rules.catalogue import Catalogue
from personalization.rules.lint import lint_rule
from personalization.rules.lint_findings import Finding, worst_first
from personalization.rules.nodes import Rule
from personalization.rules.parse import Lookup, check, link, parse
from personalization.segments.catalogue import catalogue
from personalization.segments.live import referenced
from personalization.segments.models import Segment


@dataclass(frozen=True)
class Health:
    """What is wrong with a rule, each with its place; or what is odd about it, if nothing is."""

    problems: Sequence[str] = ()
    oddities: Sequence[str] = ()


GOOD = Health()


def health_of(segments: Iterable[Segment], *, now: datetime) -> Mapping[int, Health]:
    """Return by its id how each active segment by rule is.

    What is good is left out. Five queries, however many segments there are.
    """
    ruled = [segment for segment in segments if segment.is_by_rule and segment.active]
    if not ruled:
        return {}
    known = catalogue()
    active = Segment.objects.listed().filter(active=True)
    lookup = _lookup({each.slug: each for each in active})
    found = {segment.pk: _health(segment, known, lookup, now) for segment in ruled}
    return {pk: health for pk, health in found.items() if health != GOOD}


def _health(segment: Segment, known: Catalogue, lookup: Lookup, now: datetime) -> Health:
    try:
        rule = parse(segment.rule)
        if problems := check(rule, known):
            return Health([problem_text(each) for each in problems])
        linked = link(rule, lookup)
    except InvalidRule as error:
        return Health([problem_text(each) for each in error.problems])
    found = worst_first(lint_rule(linked, catalogue=known, now=microseconds(now)))
    return Health(oddities=[_oddity_text(each) for each in found]) if found else GOOD


def _oddity_text(finding: Finding) -> str:
    line = line_of(finding.pointer)
    return " ".join([*([f"Line {line}:"] if line else []), finding.message, finding.advice])


def _lookup(by_slug: Mapping[str, Segment]) -> Lookup:
    def lookup(slug: str) -> Rule | None:
        return referenced(by_slug[slug])

    return lookup
