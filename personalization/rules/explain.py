"""A rule in plain words, and why it holds for somebody or does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from personalization.rules.catalogue import Catalogue
from personalization.rules.evaluate import answer_group
from personalization.rules.groups import Group
from personalization.rules.nodes import Leaf, Rule, RuleGroup
from personalization.rules.state import Facts
from personalization.types import Microseconds

_HEADINGS = {
    ("and", False): "all of these",
    ("or", False): "at least one of these",
    ("and", True): "not all of these",
    ("or", True): "none of these",
}


def sentence(rule: Rule, catalogue: Catalogue) -> str:
    """Return the rule as one sentence: “Visitors who …”."""
    return f"Visitors {_Speech(catalogue).group(rule.root)}"


@dataclass
class _Speech:
    """Writes the tree down, with a pronoun wherever another one is needed."""

    catalogue: Catalogue
    pronoun: str = ""

    def group(self, group: RuleGroup) -> str:
        only = group.children[0]
        if len(group.children) > 1:
            return self._several(group)
        if isinstance(only, Group):
            return self.group(replace(only, negated=only.negated != group.negated))
        words = only.denial(self.catalogue) if group.negated else only.sentence(self.catalogue)
        return self._led(only.pronoun, words)

    def _several(self, group: RuleGroup) -> str:
        if not group.negated:
            return f" {group.combinator} ".join(self._part(child) for child in group.children)
        quantity = "none" if group.combinator == "or" else "not all"
        self.pronoun = ""
        parts = self._several(replace(group, negated=False))
        self.pronoun = ""
        return f"for whom {quantity} of this is true ({parts})"

    def _part(self, child: Leaf | RuleGroup) -> str:
        if not isinstance(child, Group):
            return self._led(child.pronoun, child.sentence(self.catalogue))
        words = self.group(child)
        return words if child.negated or len(child.children) == 1 else f"({words})"

    def _led(self, pronoun: str, words: str) -> str:
        led = words if pronoun == self.pronoun else f"{pronoun} {words}"
        self.pronoun = pronoun
        return led


@dataclass(frozen=True)
class Line:
    """One line of a trace: a group's heading or a condition with its actual value.

    `personal` says that the value was stated by or about somebody.
    """

    depth: int
    text: str
    holds: bool
    actual: str = ""
    personal: bool = field(default=False, compare=False)


def trace(rule: Rule, facts: Facts, catalogue: Catalogue, *, now: Microseconds) -> list[Line]:
    """Return why the rule holds for `facts` or not: a line for every node, outermost first."""
    return list(_group_lines(rule.root, facts, catalogue, now, 0))


def _group_lines(
    group: RuleGroup, facts: Facts, catalogue: Catalogue, now: Microseconds, depth: int
) -> Iterator[Line]:
    yield Line(
        depth,
        _HEADINGS[group.combinator, group.negated],
        answer_group(group, facts, now=now).holds,
    )
    for child in group.children:
        if isinstance(child, Group):
            yield from _group_lines(child, facts, catalogue, now, depth + 1)
        else:
            yield Line(
                depth + 1,
                child.sentence(catalogue),
                child.answer(facts, now=now).holds,
                child.actual(facts, now=now),
                personal=child.tells_values,
            )
