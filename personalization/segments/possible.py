"""What remains of a rule when nobody asks for a page: whom it could still match.

Conditions on the request (device, hour, …) are taken to be as the rule would have them.
"""

from __future__ import annotations

from dataclasses import replace

from personalization.rules.groups import Group
from personalization.rules.leaves.segment import SegmentLeaf
from personalization.rules.nodes import Leaf, Rule, RuleGroup


def possible(rule: Rule) -> Rule | bool:
    """Return the linked rule without what only a request can tell.

    It holds whenever `rule` can: at an instant, whoever matches `rule` in some request
    matches it. True or False if nothing else is left to decide.
    """
    root = _group(rule.root, wanted=True)
    return root if isinstance(root, bool) else replace(rule, root=root)


def _group(group: RuleGroup, *, wanted: bool) -> RuleGroup | bool:
    """`wanted`: whether the rule would have the group hold, or fail."""
    inside = wanted != group.negated
    decides = group.combinator == "or"
    kept: list[Leaf | RuleGroup] = []
    for child in group.children:
        part = _part(child, wanted=inside)
        if not isinstance(part, bool):
            kept.append(part)
        elif part == decides:
            return decides != group.negated
    return replace(group, children=tuple(kept)) if kept else decides == group.negated


def _part(child: Leaf | RuleGroup, *, wanted: bool) -> Leaf | RuleGroup | bool:
    if isinstance(child, Group):
        return _group(child, wanted=wanted)
    if not child.live_only:
        return child
    if not isinstance(child, SegmentLeaf) or child.rule is None:
        return wanted
    root = _group(child.rule.root, wanted=wanted)
    if isinstance(root, bool):
        return root
    return replace(child, rule=replace(child.rule, root=root))
