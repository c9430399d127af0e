"""What rules look at of somebody who is pretended: made up for a rule, or at another time.

Nothing is written. What is known of a profile at an instant is counted anew from its log,
as a rebuild would; consents, and traits and features that no event stated, are as today.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache, partial

from personalization.clock import microseconds, moment, span
from personalization.conf import settings
from personalization.profiles import features
from personalization.profiles.models import Snapshot
from personalization.profiles.state import State
from personalization.rules.change import NO_FACTS, Change, applied, joined
from personalization.rules.evaluate import evaluate
from personalization.rules.interval import Interval
from personalization.rules.need import ANY
from personalization.rules.occurrence import Occurrence
from personalization.rules.state import Facts
from personalization.rules.witness import Witness, witnesses
from personalization.segments.catalogue import catalogue
from personalization.segments.linking import LiveVersion
from personalization.segments.live import LiveRules, live_rules_at
from personalization.segments.log import read_log
from personalization.segments.membership import facts_of
from personalization.segments.models import Membership, Segment
from personalization.types import JsonObject, Microseconds


@lru_cache(maxsize=32)  # the search takes a while, and every page of a preview asks for it
def made_up(segment_id: int, *, revision: int, at: Microseconds) -> Witness | None:
    """Return who enters the segment at `at`, as it is at a revision that was read just now.

    None: it has no rule that can be used, or nobody was found. The same each time.
    """
    version = serving_version(segment_id, live_rules_at(revision))
    if version is None or version.rule is None:
        return None
    return witnesses(version.rule, now=at, catalogue=catalogue()).enters


def serving_version(segment_id: int, live: LiveRules) -> LiveVersion | None:
    return next((one for one in live.of_segment.get(segment_id, ()) if one.serving), None)


def facts_after(change: Change, live: LiveRules) -> Facts:
    """Return the facts of somebody of whom nothing was known, and then this happened."""
    needs = joined(need for needs in live.plan.needs.values() for need in needs)
    return applied(change, NO_FACTS, needs=needs)


def facts_at(snapshot: Snapshot, live: LiveRules, *, at: Microseconds) -> Facts:
    """Return what was known of the profile at `at`, or is if nothing happens until then."""
    facts = facts_of(snapshot, live)
    if snapshot.last_seen is None or microseconds(snapshot.last_seen) <= at:
        return facts
    log = partial(_log_until, snapshot.pk, at)
    occurrences = log(frozenset({ANY}))
    visit, n_visits = _visits(occurrences)
    stated = snapshot.trait_times
    state = State(traits={k: v for k, v in snapshot.traits.items() if k not in stated})
    state.apply(occurrences, live.plan)
    state.set_visits(n_visits)
    for need in state.late.values():
        state.put(need, need.fold(log(need.events)))
    return replace(
        facts,
        traits=state.traits,
        features={**snapshot.features, **features.published(state.sums)},
        counters=state.counters,
        segments=_by_hand(snapshot.pk, at),
        visit=visit,
        log=log,
    )


def segments_of(
    facts: Facts, live: LiveRules, *, at: Microseconds, context: JsonObject
) -> frozenset[str]:
    """Return the slugs of the segments that somebody with these facts is in at `at`.

    Those of rules that speak of the request are answered for `context`.
    """
    here = replace(facts, context={**context, **facts.context})
    found = set()
    for version in live.versions.values():
        if not version.serving:
            continue
        if version.rule is not None:
            holds = evaluate(version.rule, here, now=at).holds
        else:
            known = facts.segments.get(version.slug)
            holds = known is not None and known.contains(at)
        if holds:
            found.add(version.slug)
    return frozenset(found)


def _log_until(profile_id: int, at: Microseconds, events: frozenset[str]) -> list[Occurrence]:
    return [one for one in read_log(profile_id, events) if one.at <= at]


def _visits(occurrences: Iterable[Occurrence]) -> tuple[Interval | None, int]:
    """Return the newest visit and how many there were."""
    gap, visit, n = span(settings.VISIT_GAP), None, 0
    for occurrence in occurrences:
        if visit is None or visit.over(occurrence.at):
            visit, n = Interval(occurrence.at), n + 1
        visit = Interval(visit.start, occurrence.at + gap)
    return visit, n


def _by_hand(profile_id: int, at: Microseconds) -> dict[str, Interval]:
    """Return the memberships of segments kept by hand at `at`, by slug."""
    rows = Membership.objects.in_force(now=moment(at)).filter(
        profile=profile_id, segment__kind=Segment.Kind.MANUAL
    )
    return {
        slug: Interval(microseconds(since), microseconds(until) if until else None)
        for slug, since, until in rows.values_list("segment__slug", "since", "until")
    }
