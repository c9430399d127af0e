"""What a rule could still match, when a part of it is known only in a request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.rules.evaluate import answer_group, evaluate
from personalization.rules.nodes import Rule
from personalization.rules.parse import link, parse
from personalization.rules.state import Facts
from personalization.segments.possible import possible

NOW = 1_700_000_000_000_000
DEVICES = ("desktop", "mobile", "tablet")


def device(value: str = "mobile", operator: str = "=") -> dict[str, Any]:
    return {"kind": "context", "field": "device", "operator": operator, "value": value}


def plan(value: str = "pro") -> dict[str, Any]:
    return {"kind": "trait", "field": "plan", "operator": "=", "value": value}


def group(*rules: Any, combinator: str = "and", negated: bool = False) -> dict[str, Any]:
    return {"combinator": combinator, "not": negated, "rules": list(rules)}


def made(root: dict[str, Any]) -> Rule:
    return parse({"version": 1, "root": root})


def test_a_rule_that_asks_for_no_request_stays_as_it_is() -> None:
    rule = made(group(plan(), group(plan("free"), combinator="or", negated=True)))
    assert possible(rule) == rule


@pytest.mark.parametrize(
    ("root", "left"),
    [
        (group(device()), True),
        (group(device(), negated=True), True),
        (group(device(), device("tablet"), combinator="or"), True),
        (group(device(), plan()), group(plan())),
        (group(device(), plan(), combinator="or"), True),
        (group(plan(), group(device(), plan("free"), combinator="or")), group(plan())),
        (
            group(plan(), group(device(), plan("free"), combinator="or", negated=True)),
            group(plan(), group(plan("free"), combinator="or", negated=True)),
        ),
        (
            group(plan(), group(device(), plan("free"), negated=True)),
            group(plan()),
        ),
    ],
)
def test_what_only_a_request_can_tell_is_as_the_rule_would_have_it(root: Any, left: Any) -> None:
    found = possible(made(root))
    if isinstance(found, bool) or isinstance(left, bool):
        assert found is left
    else:
        assert found.root == made(left).root


def test_a_segment_is_looked_into() -> None:
    inner = made(group(device(), plan("pro")))
    outer = made(group({"kind": "segment", "slug": "mobile-pros"}))
    linked = link(outer, lambda slug: inner)
    left = possible(linked)
    assert isinstance(left, Rule)
    assert not left.live_only
    assert answer_group(left.root, Facts(traits={"plan": "pro"}), now=NOW).holds
    assert not answer_group(left.root, Facts(traits={"plan": "free"}), now=NOW).holds


LEAVES = st.one_of(
    st.builds(device, st.sampled_from(DEVICES), st.sampled_from(["=", "!="])),
    st.builds(plan, st.sampled_from(["pro", "free"])),
)
GROUPS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda rules, combinator, negated: group(*rules, combinator=combinator, negated=negated),
        st.lists(inner, min_size=1, max_size=3),
        st.sampled_from(["and", "or"]),
        st.booleans(),
    ),
    max_leaves=8,
)


@given(GROUPS, st.sampled_from(["pro", "free", None]))
def test_whoever_matches_in_some_request_is_possible(tree: Any, value: str | None) -> None:
    rule = made(group(tree))
    left = possible(rule)
    traits = {} if value is None else {"plan": value}
    somewhere = any(
        evaluate(rule, Facts(traits=traits, context={"device": each}), now=NOW).holds
        for each in DEVICES
    )
    now_possible = (
        left if isinstance(left, bool) else evaluate(left, Facts(traits=traits), now=NOW).holds
    )
    assert now_possible or not somewhere
