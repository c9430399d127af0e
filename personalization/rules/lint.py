"""What is odd about one rule: parts that never hold, always hold, or add nothing.

Whatever is found is proven from what the conditions say, for every profile and every instant.
Not everything is found: where the proof takes too long, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import combinations, permutations
from typing import Literal, TypeAlias

from personalization.clock import span
from personalization.rules.catalogue import Catalogue
from personalization.rules.explain import sentence
from personalization.rules.groups import Group
from personalization.rules.lint_findings import Finding, Severity
from personalization.rules.lint_formula import Formula, every, some
from personalization.rules.lint_search import certain, implied, impossible
from personalization.rules.nodes import Leaf, Lookback, Rule, RuleGroup, group_demand
from personalization.rules.words import duration_words
from personalization.types import Microseconds

Node: TypeAlias = "Leaf | RuleGroup"
Constant = Literal["never", "always"]

#: Siblings beyond so many are compared with none: pairs grow with the square.
MOST_SIBLINGS = 20
_OUTCOME = {"never": "So nobody can be in it.", "always": "So everybody is in it."}


def lint_rule(
    rule: Rule, *, slug: str = "", catalogue: Catalogue, now: Microseconds
) -> list[Finding]:
    """Return what is odd about a linked rule, the rule of the segment `slug`."""
    walk = _Walk(catalogue, slug)
    walk.root(rule.root)
    return [
        *walk.findings,
        *_beyond_retention(rule, slug, catalogue, now),
        *_encrypted(rule, slug, catalogue),
    ]


def demand_of(node: Node) -> Formula:
    return group_demand(node) if isinstance(node, Group) else node.demand()


@dataclass
class _Walk:
    """Goes through the tree, from the leaves up: what is inside explains what is around it."""

    catalogue: Catalogue
    slug: str
    findings: list[Finding] = field(default_factory=list)

    def root(self, root: RuleGroup) -> None:
        constant = self._group(root, "/root")
        if constant is None:
            return
        found = _constant(group_demand(root))
        severity = Severity.ERROR if constant == "never" else Severity.WARNING
        for place, finding in enumerate(self.findings):
            if finding.code in ("contradictory", "tautological"):
                self.findings[place] = replace(
                    finding,
                    severity=severity,
                    message=f"{finding.message} {_OUTCOME[found or constant]}",
                )

    def _group(self, group: RuleGroup, pointer: str) -> Constant | None:
        """Note what is odd in `group`; return whether it never or always holds."""
        known = len(self.findings)
        for index, child in enumerate(group.children):
            self._node(child, f"{pointer}/rules/{index}")
        constant = _constant(group_demand(group))
        explained = any(
            each.code in ("contradictory", "tautological") for each in self.findings[known:]
        )
        if constant is None:
            if not explained:
                self._redundant(group, pointer)
        elif not explained:
            self._note_combination(group, pointer, constant)
        return constant

    def _node(self, node: Node, pointer: str) -> Constant | None:
        if isinstance(node, Group):
            return self._group(node, pointer)
        constant = _constant(node.demand())
        if constant is not None:
            can = "can never hold" if constant == "never" else "always holds"
            self._note(constant, pointer, f"“{self._words(node)}” {can}.")
        return constant

    def _note_combination(self, group: RuleGroup, pointer: str, constant: Constant) -> None:
        """Note a group that is constant though none of its children is."""
        alone: Constant = "never" if group.combinator == "and" else "always"
        pair = _pair(group, alone)
        can = "can never hold" if constant == "never" else "always holds"
        if pair is None:
            self._note(constant, pointer, f"“{self._words(group)}” {can}.")
            return
        first, second = (self._words(group.children[index]) for index in pair)
        if alone == "never":
            message = f"“{first}” and “{second}” can never both hold."
        else:
            message = f"One of “{first}” and “{second}” always holds."
        self._note(constant, f"{pointer}/rules/{pair[1]}", message)

    def _note(self, constant: Constant, pointer: str, message: str) -> None:
        never = constant == "never"
        advice = "Change one of the conditions, or take it out." if never else (
            "Take it out, or say what was meant by it."
        )  # fmt: skip
        self._add(
            Finding(
                code="contradictory" if never else "tautological",
                severity=Severity.WARNING,
                message=message,
                advice=advice,
                pointer=pointer,
            )
        )

    def _redundant(self, group: RuleGroup, pointer: str) -> None:
        """Note children that change nothing beside one of their siblings."""
        children = group.children
        if len(children) > MOST_SIBLINGS:
            return
        demands = [demand_of(child) for child in children]
        gone: set[int] = set()
        for index, other in permutations(reversed(range(len(children))), 2):
            if index in gone or other in gone:
                continue
            strong, weak = (other, index) if group.combinator == "and" else (index, other)
            if implied(demands[weak], by=demands[strong]):
                gone.add(index)
                mine, theirs = self._words(children[index]), self._words(children[other])
                if group.combinator == "and":
                    message = f"“{mine}” adds nothing: it holds wherever “{theirs}” does."
                else:
                    message = f"“{mine}” adds nothing: wherever it holds, “{theirs}” does, too."
                self._add(
                    Finding(
                        code="redundant",
                        severity=Severity.WARNING,
                        message=message,
                        advice="Take it out: the segment stays the same.",
                        pointer=f"{pointer}/rules/{index}",
                    )
                )

    def _words(self, node: Node) -> str:
        group = node if isinstance(node, Group) else Group("and", (node,))
        return sentence(Rule(group), self.catalogue).removeprefix("Visitors ")

    def _add(self, finding: Finding) -> None:
        segments = (self.slug,) if self.slug else ()
        self.findings.append(replace(finding, segments=segments))


def _constant(formula: Formula) -> Constant | None:
    if impossible(formula):
        return "never"
    return "always" if certain(formula) else None


def _pair(group: RuleGroup, alone: Constant) -> tuple[int, int] | None:
    """Return two children that decide the group together, by their places."""
    if len(group.children) > MOST_SIBLINGS:
        return None
    demands = [demand_of(child) for child in group.children]
    for one, other in combinations(range(len(demands)), 2):
        both = [demands[one], demands[other]]
        if impossible(every(both)) if alone == "never" else certain(some(both)):
            return one, other
    return None


def _beyond_retention(
    rule: Rule, slug: str, catalogue: Catalogue, now: Microseconds
) -> Iterator[Finding]:
    """Yield the conditions that look back further than events are kept."""
    kept = span(catalogue.retention)
    for leaf, pointer in _places(rule.root, "/root"):
        for found in leaf.lookbacks():
            if found.span <= kept and (found.end is None or found.end > now - kept):
                continue
            yield Finding(
                code="beyond-retention",
                severity=Severity.ERROR,
                message=_too_far(found, catalogue),
                advice="Shorten it, or raise PERSONALIZATION_RETENTION.",
                segments=(slug,) if slug else (),
                pointer=pointer + found.pointer,
            )


def _encrypted(rule: Rule, slug: str, catalogue: Catalogue) -> Iterator[Finding]:
    """Yield the conditions that compare what is kept encrypted since they were written."""
    for leaf, pointer in _places(rule.root, "/root"):
        if not any(
            kind == "traits" and test.path[0] in catalogue.encrypted for kind, test in leaf.tests()
        ):
            continue
        for problem in leaf.check(catalogue, pointer=pointer):
            yield Finding(
                code="encrypted",
                severity=Severity.ERROR,
                message=problem.message,
                advice="Ask whether it is known, or take it out of PERSONALIZATION_ENCRYPTED_TRAITS.",
                segments=(slug,) if slug else (),
                pointer=problem.pointer,
            )


def _too_far(found: Lookback, catalogue: Catalogue) -> str:
    kept = duration_words(catalogue.retention)
    if found.end is not None:
        return f"The dates lie further back than events are kept ({kept})."
    length = duration_words(timedelta(microseconds=found.span))
    return f"It looks back {length}, and events are kept for {kept}."


def _places(group: RuleGroup, pointer: str) -> Iterator[tuple[Leaf, str]]:
    """Yield every leaf with its place."""
    for index, child in enumerate(group.children):
        place = f"{pointer}/rules/{index}"
        if isinstance(child, Group):
            yield from _places(child, place)
        else:
            yield child, place
