"""The live rules: parsed, linked and indexed once per revision, then shared."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from personalization import metrics
from personalization.exceptions import InvalidRule, Problem
from personalization.profiles.plan import Plan, plan
from personalization.rules.nodes import Rule
from personalization.rules.parse import link, parse
from personalization.segments.models import Revision, Segment

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LiveRules:
    """Every active segment with a rule that can be used, at one revision.

    `touched_by` leads from what an event can change to the segments to look at.
    """

    revision: int
    rules: Mapping[int, Rule]
    manual: Mapping[int, str]  # id → slug
    touched_by: Mapping[str, frozenset[int]]
    plan: Plan
    broken: Mapping[int, str] = field(default_factory=dict)

    def segments_for(self, touched: Iterable[str]) -> set[int]:
        return set().union(*(self.touched_by.get(token, frozenset()) for token in touched))


_cached: LiveRules | None = None


def live_rules() -> LiveRules:
    """Return the live rules, reloaded if the configuration has moved on (one read)."""
    global _cached
    number = Revision.objects.filter(pk=Revision.ID).values_list("number", flat=True).first() or 0
    if _cached is None or _cached.revision != number:
        _cached = load_rules(number)
    return _cached


def forget() -> None:
    """Drop the rules kept in memory (tests that roll the revision back need it)."""
    global _cached
    _cached = None


def referenced(segment: Segment) -> Rule | None:
    """Return the rule that stands for `segment` in other rules; None: kept by hand.

    :raises InvalidRule: if its own rule is broken.
    """
    if not segment.is_by_rule:
        return None
    try:
        return parse(segment.rule)
    except InvalidRule:
        message = f"The rule of segment “{segment.name}” is broken; repair it first."
        raise InvalidRule([Problem(pointer="", message=message, value=segment.slug)]) from None


def load_rules(revision: int) -> LiveRules:
    segments = list(Segment.objects.all())
    by_slug = {segment.slug: segment for segment in segments if segment.active}

    def lookup(slug: str) -> Rule | None:
        return referenced(by_slug[slug])

    rules: dict[int, Rule] = {}
    broken: dict[int, str] = {}
    for segment in by_slug.values():
        if not segment.is_by_rule:
            continue
        try:
            rules[segment.pk] = link(parse(segment.rule), lookup)
        except InvalidRule as error:
            # Never everybody: a rule that cannot be read matches nobody and says so.
            broken[segment.pk] = str(error)
            metrics.count("rules.broken")
            logger.error("Segment %s: %s", segment.slug, error, extra={"action": "rule_broken"})
    return LiveRules(
        revision=revision,
        rules=rules,
        # Those switched off too: what a person entered is kept until a person deletes it.
        manual={segment.pk: segment.slug for segment in segments if not segment.is_by_rule},
        touched_by=_index(rules),
        plan=plan(
            need for rule in rules.values() for leaf in rule.leaves() for need in leaf.counters()
        ),
        broken=broken,
    )


def _index(rules: Mapping[int, Rule]) -> dict[str, frozenset[int]]:
    index: dict[str, set[int]] = {}
    for segment_id, rule in rules.items():
        for leaf in rule.leaves():
            for token in leaf.depends_on():
                index.setdefault(token, set()).add(segment_id)
    return {token: frozenset(ids) for token, ids in index.items()}
