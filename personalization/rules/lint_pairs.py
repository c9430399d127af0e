"""What is odd between segments: those that are the same, and those that lie within others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations

from personalization.rules.lint_findings import Finding, Severity
from personalization.rules.lint_formula import Formula, conjuncts, related, topics
from personalization.rules.lint_search import certain, implied, impossible
from personalization.rules.nodes import Rule, group_demand

#: Checks for one pair of segments; there are many pairs.
_BUDGET = 1000


@dataclass(frozen=True)
class Entry:
    """The linked rule of a segment with its name, and the slugs that the rule itself names."""

    slug: str
    name: str
    rule: Rule
    names: frozenset[str] = frozenset()

    @cached_property
    def demand(self) -> Formula:
        return group_demand(self.rule.root)

    @cached_property
    def topics(self) -> frozenset[str]:
        return topics(self.demand)

    @cached_property
    def parts(self) -> Sequence[tuple[Formula, frozenset[str]]]:
        """Return what must hold, one by one, with the topics of each."""
        parts = [part for part in conjuncts(self.demand) if not certain(part)]
        return [(part, topics(part)) for part in parts]

    def within(self, other: Entry) -> bool:
        """Return whether it is proven that everybody in it is in the other, too.

        What speaks of other things altogether follows from nothing but the impossible.
        """
        return all(related(self.topics, about) for _, about in other.parts) and all(
            implied(part, by=self.demand, budget=_BUDGET) for part, _ in other.parts
        )

    @cached_property
    def constant(self) -> bool:
        """Return whether it holds for nobody or for all: then it follows from, or to, any."""
        return impossible(self.demand) or certain(self.demand)


def lint_pairs(entries: Sequence[Entry]) -> list[Finding]:
    """Return which of the segments are the same, and which lie within another."""
    found = _Pairs([entry for entry in entries if not entry.constant])
    return [*found.duplicates(), *found.contained()]


@dataclass
class _Pairs:
    entries: Sequence[Entry]
    #: Of each segment, those that everybody in it is in, too.
    around: Mapping[str, set[str]] = field(init=False)

    def __post_init__(self) -> None:
        around: dict[str, set[str]] = {entry.slug: set() for entry in self.entries}
        for one, other in permutations(self.entries, 2):
            if one.within(other):
                around[one.slug].add(other.slug)
        self.around = around

    def _same(self, one: str, other: str) -> bool:
        return other in self.around[one] and one in self.around[other]

    def duplicates(self) -> Iterator[Finding]:
        told: set[str] = set()
        for entry in self.entries:
            same = [each for each in self.entries if self._same(entry.slug, each.slug)]
            if not same or entry.slug in told:
                continue
            told.update(each.slug for each in same)
            together = (entry, *same)
            alike = len({each.rule.definition_hash for each in together}) == 1
            how = "have the same rule" if alike else "always have the same members"
            yield Finding(
                code="duplicate",
                severity=Severity.WARNING,
                message=f"{_listed(together)} {how}.",
                advice="Keep one of them.",
                segments=tuple(each.slug for each in together),
            )

    def contained(self) -> Iterator[Finding]:
        by_slug = {entry.slug: entry for entry in self.entries}
        for entry in self.entries:
            for slug in sorted(self.around[entry.slug]):
                outer = by_slug[slug]
                # That of a rule that names the other is plain to see.
                if self._same(entry.slug, slug) or slug in entry.names:
                    continue
                if not self._closest(entry.slug, slug):
                    continue
                yield Finding(
                    code="contained",
                    severity=Severity.NOTE,
                    message=f"Everybody in {_listed([entry])} is in {_listed([outer])}, too.",
                    advice="If a slot shows something to both, let the smaller one come first.",
                    segments=(entry.slug, slug),
                )

    def _closest(self, inner: str, outer: str) -> bool:
        """Return whether no third segment lies between the two."""
        return not any(
            outer in self.around[middle]
            and not self._same(inner, middle)
            and not self._same(middle, outer)
            for middle in self.around[inner] - {outer}
        )


def _listed(entries: Sequence[Entry]) -> str:
    names = [f"“{entry.name}”" for entry in entries]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
