"""A rule in plain words, and why it holds for somebody or does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from personalization.rules.catalogue import Catalogue
from personalization.rules.evaluate import answer_group
from personalization.rules.groups import Group
from personalization.rules.nodes import Rule, RuleGroup
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
    return f"Visitors who {_group_sentence(rule.root, catalogue)}"


def _group_sentence(group: RuleGroup, catalogue: Catalogue) -> str:
    if group.negated and len(group.children) == 1:
        only = group.children[0]
        if not isinstance(only, Group):
            return only.denial(catalogue)
    parts = [
        _nested_sentence(child, catalogue)
        if isinstance(child, Group)
        else child.sentence(catalogue)
        for child in group.children
    ]
    joined = f" {group.combinator} ".join(parts)
    return f"not ({joined})" if group.negated else joined


def _nested_sentence(group: RuleGroup, catalogue: Catalogue) -> str:
    words = _group_sentence(group, catalogue)
    return words if group.negated or len(group.children) == 1 else f"({words})"


@dataclass(frozen=True)
class Line:
    """One line of a trace: a group's heading or a condition with its actual value."""

    depth: int
    text: str
    holds: bool
    actual: str = ""


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
            )
