"""`segment`: being in another segment.

A segment with a rule stands for that rule, so nesting is exact at every instant;
a segment kept by hand is looked up in the memberships.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from personalization.exceptions import Problem
from personalization.rules.canonical import Canonical
from personalization.rules.catalogue import Catalogue
from personalization.rules.change import Change
from personalization.rules.evaluate import answer_group
from personalization.rules.lint_formula import Formula
from personalization.rules.need import AnyNeed
from personalization.rules.nodes import Leaf, Rule, RuleGroup, group_demand
from personalization.rules.population import group_sql
from personalization.rules.reading import Reader
from personalization.rules.repair import Repair, Situation
from personalization.rules.sql import Scope, Sql
from personalization.rules.state import Answer, Facts
from personalization.types import Microseconds


@dataclass(frozen=True)
class SegmentLeaf(Leaf):
    kind = "segment"

    slug: str
    rule: Rule | None = None  # what `link` put in; None: kept by hand

    @classmethod
    def read(cls, reader: Reader) -> SegmentLeaf:
        reader.only("id", "kind", "slug")
        return cls(reader.child("slug").text())

    def canonical(self) -> Canonical:
        return Canonical([self.kind, self.slug])

    def demand(self) -> Formula:
        return super().demand() if self.rule is None else group_demand(self.rule.root)

    def depends_on(self) -> frozenset[str]:
        leaves = self.rule.leaves() if self.rule else ()
        return frozenset({f"segment:{self.slug}"}).union(*(leaf.depends_on() for leaf in leaves))

    def needs(self) -> tuple[AnyNeed, ...]:
        leaves = self.rule.leaves() if self.rule else ()
        return tuple(need for leaf in leaves for need in leaf.needs())

    @property
    def live_only(self) -> bool:
        return self.rule is not None and self.rule.live_only

    def stands_for(self) -> RuleGroup | None:
        return self.rule.root if self.rule is not None else None

    def repairs(self, situation: Situation, *, wanted: bool) -> Iterator[Repair]:
        yield from super().repairs(situation, wanted=wanted)
        name = situation.catalogue.segments.get(self.slug, self.slug)
        yield Repair(
            words=f"is put into “{name}” by hand" if wanted else f"is taken out of “{name}”",
            change=Change(at=situation.now, memberships={self.slug: wanted}),
            effort=3,
        )

    def answer(self, facts: Facts, *, now: Microseconds) -> Answer:
        if self.rule is not None:
            return answer_group(self.rule.root, facts, now=now)
        interval = facts.segments.get(self.slug)
        if interval is None:
            return Answer(False)
        return Answer(interval.contains(now), interval.next_edge(now))

    def sql(self, scope: Scope) -> Sql:
        if self.rule is not None:
            return group_sql(self.rule.root, scope)
        now = scope.timestamp(scope.now)
        return Sql(
            f"p.id IN (SELECT m.profile_id FROM {scope.tables['membership']} m "
            f"JOIN {scope.tables['segment']} g ON g.id = m.segment_id "
            "AND g.serving_id = m.version_id "
            "WHERE g.slug = %s AND m.since <= %s AND (m.until IS NULL OR m.until > %s) "
            "AND (g.ends_at IS NULL OR g.ends_at > %s))",
            (self.slug, now, now, now),
        )

    def sentence(self, catalogue: Catalogue) -> str:
        return f"are in “{catalogue.segments.get(self.slug, self.slug)}”"

    def denial(self, catalogue: Catalogue) -> str:
        return f"are not in “{catalogue.segments.get(self.slug, self.slug)}”"

    def actual(self, facts: Facts, *, now: Microseconds) -> str:
        return "is in it" if self.answer(facts, now=now).holds else "is not in it"

    def check(self, catalogue: Catalogue, *, pointer: str) -> Iterator[Problem]:
        if self.slug not in catalogue.segments:
            yield Problem(
                pointer=f"{pointer}/slug",
                message=f"There is no segment “{self.slug}”.",
                value=self.slug,
                allowed=tuple(catalogue.segments),
            )
