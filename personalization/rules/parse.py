"""Stored JSON to a rule, with every problem found in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from personalization.exceptions import InvalidRule, Problem
from personalization.registry import Registry
from personalization.rules.catalogue import Catalogue
from personalization.rules.groups import Group, read_group
from personalization.rules.leaves.consent import ConsentLeaf
from personalization.rules.leaves.event import EventLeaf
from personalization.rules.leaves.fields import FeatureLeaf, TraitLeaf
from personalization.rules.leaves.segment import SegmentLeaf
from personalization.rules.nodes import Leaf, Rule, RuleGroup
from personalization.rules.reading import Reader
from personalization.types import Json

VERSION = 1
MAX_LEAVES = 50

kinds: Registry[type[Leaf]] = Registry("leaf kind")
for _leaf in (TraitLeaf, FeatureLeaf, EventLeaf, SegmentLeaf, ConsentLeaf):
    kinds.register(_leaf.kind)(_leaf)

#: Returns the rule of a segment, or None for one kept by hand; raises KeyError.
Lookup = Callable[[str], "Rule | None"]


def parse(data: Json) -> Rule:
    """Return the rule stored as `data`.

    :raises InvalidRule: with every problem, each at its JSON pointer.
    """
    reader = Reader(data)
    reader.only("version", "root")
    if (version := reader.child("version")).value != VERSION or version.value is True:
        version.refuse("This version of the rule language is not known.", allowed=(str(VERSION),))
    root = read_group(reader.child("root"), _read_leaf)
    rule = Rule(root, data)
    if (n := sum(1 + _conditions(leaf) for leaf in rule.leaves())) > MAX_LEAVES:
        reader.refuse(f"A rule may have {MAX_LEAVES} conditions at most; this one has {n}.")
    if reader.problems:
        raise InvalidRule(_once(reader.problems))
    return rule


def _read_leaf(reader: Reader) -> Leaf:
    kind = kinds.get(reader.child("kind").choice(kinds.names()))
    assert kind is not None
    if reader.problems and not isinstance(reader.value, dict):
        return SegmentLeaf("")
    return kind.read(reader)


def _conditions(leaf: Leaf) -> int:
    """Return how many conditions on event properties the leaf carries."""
    wheres = (need.matcher.where for need in leaf.counters())
    return sum(len(list(where.leaves())) for where in wheres if where)


def check(rule: Rule, catalogue: Catalogue) -> list[Problem]:
    """Return what the catalogue says against a parsed rule: types, names, windows."""
    return _once(list(_check_group(rule.root, catalogue, "/root")))


def _check_group(group: RuleGroup, catalogue: Catalogue, pointer: str) -> list[Problem]:
    problems: list[Problem] = []
    for index, child in enumerate(group.children):
        place = f"{pointer}/rules/{index}"
        if isinstance(child, Group):
            problems += _check_group(child, catalogue, place)
        else:
            problems += child.check(catalogue, pointer=place)
    return problems


def link(rule: Rule, lookup: Lookup) -> Rule:
    """Return the rule with every referenced segment's rule put in its place.

    :raises InvalidRule: on a segment that does not exist or a circle of references.
    """
    return _link(rule, lookup, ())


def _link(rule: Rule, lookup: Lookup, trail: tuple[str, ...]) -> Rule:
    return replace(rule, root=_link_group(rule.root, lookup, trail))


def _link_group(group: RuleGroup, lookup: Lookup, trail: tuple[str, ...]) -> RuleGroup:
    return replace(
        group,
        children=tuple(
            _link_group(child, lookup, trail)
            if isinstance(child, Group)
            else _link_leaf(child, lookup, trail)
            for child in group.children
        ),
    )


def _link_leaf(leaf: Leaf, lookup: Lookup, trail: tuple[str, ...]) -> Leaf:
    if not isinstance(leaf, SegmentLeaf):
        return leaf
    if leaf.slug in trail:
        circle = " → ".join([*trail[trail.index(leaf.slug) :], leaf.slug])
        raise InvalidRule([Problem(pointer="", message=f"Segments refer in a circle: {circle}.")])
    try:
        target = lookup(leaf.slug)
    except KeyError:
        raise InvalidRule(
            [Problem(pointer="", message=f"There is no segment “{leaf.slug}”.", value=leaf.slug)]
        ) from None
    if target is None:
        return leaf
    return replace(leaf, rule=_link(target, lookup, (*trail, leaf.slug)))


def _once(problems: list[Problem]) -> list[Problem]:
    return list({(problem.pointer, problem.message): problem for problem in problems}.values())
