"""Why a profile is in a segment or not, and when time alone will change that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from personalization.clock import microseconds, moment
from personalization.profiles.models import Snapshot
from personalization.profiles.plan import Plan, plan
from personalization.profiles.state import State
from personalization.rules.catalogue import Catalogue
from personalization.rules.evaluate import membership
from personalization.rules.explain import Line, sentence, trace
from personalization.rules.interval import Interval
from personalization.rules.nodes import Rule
from personalization.rules.state import Facts
from personalization.segments.live import LiveRules
from personalization.segments.log import catch_up, read_log
from personalization.segments.membership import facts_of
from personalization.segments.models import Segment


@dataclass
class Reason:
    """One line of a trace with the lines under it; `personal` as there."""

    text: str
    holds: bool
    actual: str
    reasons: list[Reason] = field(default_factory=list)
    personal: bool = False


@dataclass(frozen=True, kw_only=True)
class Why:
    """A rule over one profile: `until` and `enters` are what time alone will do."""

    holds: bool
    sentence: str
    reasons: Sequence[Reason]
    until: datetime | None = None
    enters: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class SegmentWhy:
    """A segment over one profile. `why` is None if it is kept by hand or broken."""

    segment: Segment
    holds: bool
    why: Why | None = None
    broken: str = ""
    since: datetime | None = None
    until: datetime | None = None


def explain(rule: Rule, facts: Facts, catalogue: Catalogue, *, now: datetime) -> Why:
    """Return why a linked rule holds for `facts` at `now` or does not."""
    at = microseconds(now)
    lines = trace(rule, facts, catalogue, now=at)
    # What a request decides has no span: the next request may say otherwise.
    span = None if rule.live_only else membership(rule, facts, now=at)
    holds = lines[0].holds
    return Why(
        holds=holds,
        sentence=sentence(rule, catalogue),
        reasons=nested(lines),
        until=_end(span) if holds else None,
        enters=moment(span.start) if span is not None and not holds else None,
    )


def explain_segments(
    snapshot: Snapshot,
    live: LiveRules,
    catalogue: Catalogue,
    *,
    segments: Iterable[Segment],
    now: datetime,
) -> list[SegmentWhy]:
    """Return why the profile is in each of the active `segments` or not; those it is in first."""
    facts = facts_for(snapshot, live, live.plan)
    found = [_explain_segment(segment, live, facts, catalogue, now) for segment in segments]
    return sorted(found, key=lambda each: not each.holds)


def _explain_segment(
    segment: Segment, live: LiveRules, facts: Facts, catalogue: Catalogue, now: datetime
) -> SegmentWhy:
    if rule := live.rules.get(segment.pk) or live.on_request.get(segment.slug):
        why = explain(rule, facts, catalogue, now=now)
        return SegmentWhy(segment=segment, holds=why.holds, why=why, until=why.until)
    if segment.pk in live.broken:
        return SegmentWhy(segment=segment, holds=False, broken=live.broken[segment.pk])
    span = facts.segments.get(segment.slug)
    if span is None or not span.contains(microseconds(now)):
        return SegmentWhy(segment=segment, holds=False)
    return SegmentWhy(segment=segment, holds=True, since=moment(span.start), until=_end(span))


def _end(span: Interval | None) -> datetime | None:
    return moment(span.end) if span is not None and span.end is not None else None


def facts_for_rule(snapshot: Snapshot, rule: Rule, live: LiveRules) -> Facts:
    """Return the facts for a linked rule that need not be saved yet."""
    needs = plan(need for leaf in rule.leaves() for need in leaf.needs())
    return facts_for(snapshot, live, needs)


def facts_for(snapshot: Snapshot, live: LiveRules, needed: Plan) -> Facts:
    """Return the facts with the counters of `needed`.

    A snapshot built for these counters has them; for others, as of a rule nobody
    has saved, they are counted from the events (one query), as a rebuild would.
    """
    facts = facts_of(snapshot, live)
    if snapshot.plan == needed.id:
        return facts
    state = State()
    state.apply(read_log(snapshot.pk, needed.events), needed)
    catch_up(state, snapshot.pk)
    return replace(facts, counters=state.counters)


def nested(lines: Sequence[Line]) -> list[Reason]:
    """Return the lines of a trace as the tree that their depths describe."""
    root: list[Reason] = []
    open_lists = [root]
    for line in lines:
        reason = Reason(line.text, line.holds, line.actual, personal=line.personal)
        del open_lists[line.depth + 1 :]
        open_lists[-1].append(reason)
        open_lists.append(reason.reasons)
    return root
