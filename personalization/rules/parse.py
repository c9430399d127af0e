"""Stored JSON to a rule, with every problem found in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from personalization.exceptions import InvalidRule, Problem
from personalization.registry import Registry
from personalization.rules.catalogue import Catalogue
from personalization.rules.groups import Group, read_group
from personalization.rules.leaves.consent import ConsentLeaf
from personalization.rules.leaves.context import ContextLeaf
from personalization.rules.leaves.event import EventLeaf
from personalization.rules.leaves.fields import FeatureLeaf, TraitLeaf
from personalization.rules.leaves.recency import RecencyLeaf
from personalization.rules.leaves.regularity import RegularityLeaf
from personalization.rules.leaves.segment import SegmentLeaf
from personalization.rules.leaves.sequence import SequenceLeaf
from personalization.rules.nodes import Leaf, Rule, RuleGroup
from personalization.rules.reading import Reader
from personalization.types import Json

VERSION = 1
MAX_LEAVES = 50
#: Conditions of a rule with those of the segments it names; each may name 50 others.
MAX_LINKED_LEAVES = 500
MAX_NESTING = 20

kinds: Registry[type[Leaf]] = Registry("leaf kind")
for _leaf in (
    TraitLeaf, FeatureLeaf, EventLeaf, RecencyLeaf, SequenceLeaf, RegularityLeaf, SegmentLeaf,
    ConsentLeaf, ContextLeaf,
):  # fmt: skip
    kinds.register(_leaf.kind)(_leaf)

#: Returns the rule of a segment, or None for one kept by hand; raises KeyError for an
#: unknown one and InvalidRule for one whose own rule is broken.
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
    if (n := sum(1 + leaf.conditions() for leaf in rule.leaves())) > MAX_LEAVES:
        reader.refuse(f"A rule may have {MAX_LEAVES} conditions at most; this one has {n}.")
    if reader.problems:
        raise InvalidRule(_once(reader.problems))
    return rule


def _read_leaf(reader: Reader) -> Leaf:
    place = reader.child("kind")
    kind = kinds.get(name := place.choice(kinds.names()))
    if kind is None or name != place.value:
        return SegmentLeaf("")
    return kind.read(reader)


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

    :raises InvalidRule: on a segment that does not exist, a circle of references,
        or references that add up to too many conditions; at the leaf of `rule`
        that leads there.
    """
    return Rule(_Linker(lookup).group(rule.root, "/root"), rule.source)


@dataclass
class _Linker:
    """Puts rules in the place of references, and keeps count before it grows too large."""

    lookup: Lookup
    leaves: int = 0

    def group(self, group: RuleGroup, pointer: str, trail: tuple[str, ...] = ()) -> RuleGroup:
        """Link `group`; inside a referenced rule, `pointer` stays at the first reference."""
        children = tuple(
            self._child(child, pointer if trail else f"{pointer}/rules/{index}", trail)
            for index, child in enumerate(group.children)
        )
        return replace(group, children=children)

    def _child(
        self, child: Leaf | RuleGroup, pointer: str, trail: tuple[str, ...]
    ) -> Leaf | RuleGroup:
        if isinstance(child, Group):
            return self.group(child, pointer, trail)
        self.leaves += 1
        if self.leaves > MAX_LINKED_LEAVES:
            raise _refused(
                f"With the segments it names, a rule may have {MAX_LINKED_LEAVES} conditions "
                "at most.",
                pointer,
            )
        return self._reference(child, pointer, trail) if isinstance(child, SegmentLeaf) else child

    def _reference(self, leaf: SegmentLeaf, pointer: str, trail: tuple[str, ...]) -> Leaf:
        place, slug = f"{pointer}/slug", leaf.slug
        if slug in trail:
            circle = " → ".join([*trail[trail.index(slug) :], slug])
            raise _refused(f"Segments refer in a circle: {circle}.", place, slug)
        if len(trail) >= MAX_NESTING:
            raise _refused(f"Segments may name each other {MAX_NESTING} deep.", place, slug)
        try:
            target = self.lookup(slug)
        except KeyError:
            raise _refused(f"There is no segment “{slug}”.", place, slug) from None
        except InvalidRule as error:
            raise InvalidRule([replace(found, pointer=place) for found in error.problems]) from None
        if target is None:
            return leaf
        root = self.group(target.root, pointer, (*trail, slug))
        return replace(leaf, rule=Rule(root, target.source))


def _refused(message: str, pointer: str, value: Json = None) -> InvalidRule:
    return InvalidRule([Problem(pointer=pointer, message=message, value=value)])


def _once(problems: list[Problem]) -> list[Problem]:
    return list({(problem.pointer, problem.message): problem for problem in problems}.values())
