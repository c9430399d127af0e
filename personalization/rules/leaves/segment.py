"""`segment`: being in another segment.

A segment with a rule stands for that rule, so nesting is exact at every instant;
a segment kept by hand is looked up in the memberships.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from personalization.exceptions import Problem
from personalization.rules.catalogue import Catalogue
from personalization.rules.evaluate import answer_group
from personalization.rules.matcher import CounterNeed
from personalization.rules.nodes import Leaf, Rule
from personalization.rules.population import group_sql
from personalization.rules.reading import Reader
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

    def depends_on(self) -> frozenset[str]:
        leaves = self.rule.leaves() if self.rule else ()
        return frozenset({f"segment:{self.slug}"}).union(*(leaf.depends_on() for leaf in leaves))

    def counters(self) -> tuple[CounterNeed, ...]:
        leaves = self.rule.leaves() if self.rule else ()
        return tuple(need for leaf in leaves for need in leaf.counters())

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
            "WHERE g.slug = %s AND m.since <= %s AND (m.until IS NULL OR m.until > %s))",
            (self.slug, now, now),
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
