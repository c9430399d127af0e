"""Segments that name segments: linked into one rule, or refused at the leaf that leads there."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.exceptions import InvalidRule, Problem
from personalization.rules.leaves.segment import SegmentLeaf
from personalization.rules.parse import MAX_LINKED_LEAVES, MAX_NESTING, link, parse
from tests.rules.building import both, happened, rule, segment, trait
from tests.rules.world import linked

PRO = trait("plan", "=", "pro")


def refusal(stored: Any, segments: dict[str, Any]) -> Problem:
    with pytest.raises(InvalidRule) as caught:
        linked(stored, segments)
    (problem,) = caught.value.problems
    return problem


def test_a_reference_is_replaced_by_the_rule() -> None:
    compiled = linked(rule(segment("pros")), {"pros": rule(PRO)})
    (leaf,) = compiled.leaves()
    assert isinstance(leaf, SegmentLeaf)
    assert leaf.rule == parse(rule(PRO))
    assert leaf.depends_on() == {"segment:pros", "trait:plan"}


def test_a_segment_kept_by_hand_stays_a_reference() -> None:
    (leaf,) = linked(rule(segment("vips")), {"vips": None}).leaves()
    assert isinstance(leaf, SegmentLeaf)
    assert leaf.rule is None
    assert leaf.depends_on() == {"segment:vips"}


def test_counters_of_linked_rules_are_kept() -> None:
    compiled = linked(rule(segment("active")), {"active": rule(happened("Page Viewed", value=3))})
    assert [need.size for leaf in compiled.leaves() for need in leaf.needs()] == [4]


def test_an_unknown_segment_is_refused_at_its_leaf() -> None:
    problem = refusal(rule(PRO, both(segment("nobody"))), {})
    assert problem.pointer == "/root/rules/1/rules/0/slug"
    assert (problem.value, problem.message) == ("nobody", "There is no segment “nobody”.")


def test_an_unknown_segment_further_down_is_refused_at_the_first_leaf() -> None:
    segments = {"outer": rule(PRO, PRO, segment("nobody"))}
    assert refusal(rule(PRO, segment("outer")), segments).pointer == "/root/rules/1/slug"


@pytest.mark.parametrize(
    ("segments", "circle"),
    [
        ({"a": rule(segment("a"))}, "a → a"),
        ({"a": rule(segment("b")), "b": rule(PRO, segment("a"))}, "a → b → a"),
        ({"a": rule(segment("b")), "b": rule(segment("b"))}, "b → b"),
    ],
)
def test_a_circle_is_named(segments: dict[str, Any], circle: str) -> None:
    problem = refusal(rule(segment("a")), segments)
    assert problem.message == f"Segments refer in a circle: {circle}."
    assert problem.pointer == "/root/rules/0/slug"


def test_the_same_segment_twice_is_no_circle() -> None:
    assert linked(rule(segment("a"), both(segment("a"))), {"a": rule(PRO)})


def test_a_broken_rule_is_told_at_the_leaf_that_names_it() -> None:
    def lookup(slug: str) -> Any:
        raise InvalidRule([Problem(pointer="", message=f"“{slug}” is broken.")])

    with pytest.raises(InvalidRule, match=r"/root/rules/0/slug: “a” is broken\."):
        link(parse(rule(segment("a"))), lookup)


def test_chains_end_at_a_depth() -> None:
    chain = {str(n): rule(segment(str(n + 1))) for n in range(MAX_NESTING)}
    assert linked(rule(segment("1")), {**chain, str(MAX_NESTING): rule(PRO)})
    problem = refusal(rule(segment("0")), {**chain, str(MAX_NESTING): rule(PRO)})
    assert str(MAX_NESTING) in problem.message


def test_references_do_not_multiply_without_end() -> None:
    wide = {str(n): rule(*[segment(str(n + 1))] * 50) for n in range(6)}
    problem = refusal(rule(segment("0")), {**wide, "6": rule(PRO)})
    assert str(MAX_LINKED_LEAVES) in problem.message
    assert problem.pointer == "/root/rules/0"
