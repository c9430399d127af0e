"""What is odd about the segments of this site: their rules, their sizes, their use, their events.

Everything but the sizes is said of the rules as they are saved, whoever is a member by now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count

from personalization.clock import microseconds
from personalization.events.catalogue import SLOT_EVENTS
from personalization.events.models import Event
from personalization.exceptions import InvalidRule
from personalization.profiles.models import Snapshot
from personalization.rules.catalogue import Catalogue
from personalization.rules.lint import lint_rule
from personalization.rules.lint_findings import Finding, Severity, worst_first
from personalization.rules.lint_pairs import Entry, lint_pairs
from personalization.rules.need import ANY
from personalization.rules.nodes import Rule
from personalization.rules.parse import link, parse
from personalization.segments.catalogue import catalogue
from personalization.segments.live import referenced
from personalization.segments.models import Membership, Segment, Webhook
from personalization.segments.state import has_ended

#: So many of the newest events are looked through for names that no rule speaks of.
NEWEST_EVENTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a segment is too small to matter, `live_for` so long after it was made."""

    min_members: int = 10
    #: In percent of all profiles.
    min_share: float = 0.0
    live_for: timedelta = timedelta(days=14)


@dataclass(frozen=True, kw_only=True)
class _Read:
    """The active segments by rule: `own` as they are saved, `linked` with those they name."""

    own: Mapping[str, Rule]
    linked: Mapping[str, Rule]
    broken: Mapping[str, InvalidRule] = field(default_factory=dict)


def lint_segments(segments: Iterable[Segment], *, now: datetime) -> dict[str, list[Finding]]:
    """Return by its slug what is odd about the rule of each active segment by rule.

    Six queries, however many there are; what is fine is left out.
    """
    wanted = {segment.slug for segment in segments}
    known = catalogue()
    read = _read(Segment.objects.listed().filter(active=True), only=wanted)
    found = {slug: _of_rule(slug, read, known, now) for slug in wanted}
    return {slug: findings for slug, findings in found.items() if findings}


def lint_segment(segment: Segment, *, now: datetime) -> list[Finding]:
    """Return what is odd about the rule of one segment, as saved."""
    return lint_segments([segment], now=now).get(segment.slug, [])


def lint_site(
    *, now: datetime, shown: Collection[str], limits: Limits, only: Collection[str] = ()
) -> list[Finding]:
    """Return everything that is odd, worst first; of the segments `only` if any are given.

    `shown` are the segments (slugs) that pages name: only those who know the pages can tell.
    """
    active = Segment.objects.listed().filter(active=True)
    segments = [each for each in active if not has_ended(each, now=now)]
    known, read = catalogue(), _read(segments)
    findings: list[Finding] = []
    for slug in (*read.own, *read.broken):
        findings += _of_rule(slug, read, known, now)
    findings += _pairs(segments, read)
    findings += _too_small(segments, read, now=now, limits=limits)
    findings += _unused(segments, read, shown=shown)
    findings += _events(read, site=not only)
    return worst_first(
        each for each in findings if not only or not set(only).isdisjoint(each.segments)
    )


def _read(segments: Iterable[Segment], *, only: Collection[str] | None = None) -> _Read:
    by_slug = {segment.slug: segment for segment in segments}
    own: dict[str, Rule] = {}
    linked: dict[str, Rule] = {}
    broken: dict[str, InvalidRule] = {}

    def lookup(slug: str) -> Rule | None:
        return referenced(by_slug[slug])

    for slug, segment in by_slug.items():
        if not segment.is_by_rule or (only is not None and slug not in only):
            continue
        try:
            rule = parse(segment.rule)
            linked[slug], own[slug] = link(rule, lookup), rule
        except InvalidRule as error:
            broken[slug] = error
    return _Read(own=own, linked=linked, broken=broken)


def _of_rule(slug: str, read: _Read, known: Catalogue, now: datetime) -> list[Finding]:
    if slug in read.broken:
        return [
            Finding(
                code="broken",
                severity=Severity.ERROR,
                message=problem.message,
                advice="Mend the rule: until then nobody enters the segment.",
                segments=(slug,),
                pointer=problem.pointer,
            )
            for problem in read.broken[slug].problems
        ]
    if slug not in read.linked:
        return []
    return lint_rule(read.linked[slug], slug=slug, catalogue=known, now=microseconds(now))


def _pairs(segments: Sequence[Segment], read: _Read) -> list[Finding]:
    return lint_pairs(
        [
            Entry(each.slug, each.name, read.linked[each.slug], _named(read.own[each.slug]))
            for each in segments
            if each.slug in read.linked
        ]
    )


def _named(rule: Rule) -> frozenset[str]:
    """Return the slugs of the segments that a rule names."""
    tokens = {token for leaf in rule.leaves() for token in leaf.depends_on()}
    return frozenset(
        token.removeprefix("segment:") for token in tokens if token.startswith("segment:")
    )


def _too_small(
    segments: Sequence[Segment], read: _Read, *, now: datetime, limits: Limits
) -> Iterator[Finding]:
    total = Snapshot.objects.count()
    rows = Membership.objects.in_force(now=now).order_by().values_list("segment")
    members = dict(rows.annotate(n=Count("pk")))
    least = max(limits.min_members, total * limits.min_share / 100)
    for segment in segments:
        rule = read.linked.get(segment.slug)
        young = segment.created_at > now - limits.live_for
        if young or segment.refreshed_at is None or rule is None or rule.live_only:
            continue
        n = members.get(segment.pk, 0)
        if n < least:
            who = "Nobody is" if n == 0 else "One visitor is" if n == 1 else f"{n} visitors are"
            yield Finding(
                code="too-small",
                severity=Severity.NOTE,
                message=f"{who} in “{segment.name}”, of {total}.",
                advice="Widen its rule, or delete it: what is shown to so few tells nothing.",
                segments=(segment.slug,),
            )


def _unused(
    segments: Sequence[Segment], read: _Read, *, shown: Collection[str]
) -> Iterator[Finding]:
    told = set(Webhook.objects.filter(active=True).values_list("segment__slug", flat=True))
    if None in told:  # of all segments
        return
    used = {*shown, *told}.union(*(_named(rule) for rule in read.own.values()))
    for segment in segments:
        if segment.slug not in used:
            yield Finding(
                code="unused",
                severity=Severity.NOTE,
                message=f"Nothing uses “{segment.name}”: no variation, no template, no webhook "
                "and no other segment.",
                advice="Delete it, or switch it off. Code that asks for it is not seen from here.",
                segments=(segment.slug,),
            )


def _events(read: _Read, *, site: bool) -> Iterator[Finding]:
    """Yield the events that rules wait for in vain and, of the site, those that none waits for."""
    users: dict[str, list[str]] = {}
    for slug, rule in read.own.items():
        names = {name for leaf in rule.leaves() for need in leaf.needs() for name in need.events}
        for name in names:
            users.setdefault(name, []).append(slug)
    for name, slugs in sorted(users.items()):
        if name != ANY and not Event.objects.filter(name=name).exists():
            yield Finding(
                code="unseen-event",
                severity=Severity.WARNING,
                message=f"No event “{name}” was ever received.",
                advice="Look whether the name is spelled as it is sent, and whether it is sent.",
                segments=tuple(slugs),
            )
    if not site or ANY in users:
        return
    newest = Event.objects.order_by("-pk").values_list("name", flat=True)[:NEWEST_EVENTS]
    for name in sorted(set(newest) - set(users) - SLOT_EVENTS):  # the app counts those itself
        yield Finding(
            code="unused-event",
            severity=Severity.NOTE,
            message=f"Events “{name}” are received, and no rule speaks of them.",
            advice="Stop sending them if nothing else needs them.",
        )
