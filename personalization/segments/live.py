"""The live rules: parsed, linked and indexed once per revision, then shared."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from personalization import metrics
from personalization.exceptions import InvalidRule
from personalization.profiles.plan import Plan, plan
from personalization.revisions import Revision
from personalization.rules.leaves.end import ended
from personalization.rules.nodes import Rule
from personalization.rules.parse import parse
from personalization.segments.interest import weights_in_force
from personalization.segments.linking import (
    LiveVersion,
    Retiring,
    broken_segment,
    ends_at,
    load_versions,
)
from personalization.segments.models import Segment
from personalization.segments.plans import wider_plans

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LiveRules:
    """Every active segment with a rule that can be used, at one revision.

    `rules` are those that serve, by segment; `versions` are all that memberships are kept
    for: beside one that serves, the one that is being filled. `touched_by` leads from what
    an event can change to the segments to look at. Those
    `on_request` have no stored members; what they need is kept all the same.
    """

    revision: int
    rules: Mapping[int, Rule]
    manual: Mapping[int, str]  # id → slug
    touched_by: Mapping[str, frozenset[int]]
    plan: Plan
    broken: Mapping[int, str] = field(default_factory=dict)
    on_request: Mapping[str, Rule] = field(default_factory=dict)  # by slug
    versions: Mapping[int, LiveVersion] = field(default_factory=dict)
    #: Versions of each segment, the one that serves first.
    of_segment: Mapping[int, tuple[LiveVersion, ...]] = field(default_factory=dict)
    by_hand: tuple[LiveVersion, ...] = ()
    #: Version that served last → what took over.
    retiring: Mapping[int, Retiring] = field(default_factory=dict)
    #: Versions that were given up before they served.
    dropped: frozenset[int] = frozenset()
    #: Segments that mean something else because one that they name is about to.
    followers: frozenset[int] = frozenset()
    #: Segments that the app keeps for itself: nobody is told of them.
    internal: frozenset[int] = frozenset()
    #: Errors as they are kept, for comparison with `broken`.
    noted: Mapping[int, str] = field(default_factory=dict)

    @cached_property
    def wider(self) -> frozenset[str]:
        """Other plans that keep all this one needs, and as much of it (one query)."""
        return wider_plans(self.plan)

    def segments_for(self, touched: Iterable[str]) -> set[int]:
        return set().union(*(self.touched_by.get(token, frozenset()) for token in touched))

    def outdated(self) -> dict[int, str]:
        """Return the versions whose memberships do not follow what they mean, with that."""
        return {
            version.id: version.meaning
            for version in self.versions.values()
            if version.meaning != version.filled and not version.frozen
        }


_cached: LiveRules | None = None


def live_rules() -> LiveRules:
    """Return the live rules, reloaded if the configuration has moved on (one read)."""
    number = Revision.objects.filter(pk=Revision.ID).values_list("number", flat=True).first() or 0
    return live_rules_at(number)


def live_rules_at(revision: int) -> LiveRules:
    """Return the live rules at a revision that was read just now."""
    global _cached
    live = _cached  # another thread may replace it meanwhile
    if live is None or live.revision != revision:
        live = _cached = load_rules(revision)
    return live


def forget() -> None:
    """Drop the rules kept in memory (tests that roll the revision back need it)."""
    global _cached
    _cached = None


def referenced(segment: Segment) -> Rule | None:
    """Return the rule that stands for `segment` in a rule that is being written: the newest.

    :raises InvalidRule: if it cannot be used.
    """
    if not segment.is_by_rule:
        return None
    try:
        return ended(parse(segment.rule), at=ends_at(segment))
    except InvalidRule:
        raise broken_segment(segment) from None


def load_rules(revision: int) -> LiveRules:
    segments = list(Segment.objects.all())
    found = load_versions(segments)
    for segment in segments:
        if segment.pk in found.broken:
            error = found.broken[segment.pk]
            metrics.count("rules.broken")
            logger.error("Segment %s: %s", segment.slug, error, extra={"action": "rule_broken"})
    return LiveRules(
        revision=revision,
        rules=found.rules,
        manual={one.segment_id: one.slug for one in found.live if one.by_hand},
        touched_by=_index(found.live),
        plan=plan(
            (
                need
                for version in found.live
                if version.rule is not None
                for leaf in version.rule.leaves()
                for need in leaf.needs()
            ),
            weights=weights_in_force(),
        ),
        broken=found.broken,
        versions={one.id: one for one in found.live},
        of_segment=_by_segment(found.live),
        by_hand=tuple(one for one in found.live if one.by_hand),
        retiring=found.retiring,
        dropped=frozenset(found.dropped),
        followers=frozenset(found.followers),
        internal=frozenset(segment.pk for segment in segments if segment.internal),
        noted={segment.pk: segment.refresh_error for segment in segments},
        on_request={
            one.slug: one.rule for one in found.live if one.serving and one.live_only and one.rule
        },
    )


def _by_segment(versions: Iterable[LiveVersion]) -> dict[int, tuple[LiveVersion, ...]]:
    found: dict[int, list[LiveVersion]] = {}
    for version in sorted(versions, key=lambda one: not one.serving):
        found.setdefault(version.segment_id, []).append(version)
    return {segment_id: tuple(group) for segment_id, group in found.items()}


def _index(versions: Iterable[LiveVersion]) -> dict[str, frozenset[int]]:
    index: dict[str, set[int]] = {}
    for version in versions:
        for leaf in version.rule.leaves() if version.rule and not version.live_only else ():
            for token in leaf.depends_on():
                index.setdefault(token, set()).add(version.segment_id)
    return {token: frozenset(ids) for token, ids in index.items()}
