"""What is said to be impossible never happens, in any history: the oracle is the judge."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from personalization.rules.lint_formula import every, some
from personalization.rules.lint_search import certain, implied, impossible
from personalization.rules.nodes import group_demand
from personalization.rules.parse import parse
from tests.effort import Tries, some_or_all
from tests.rules import oracle, strategies
from tests.rules.building import Stored, both, either, rule
from tests.rules.strategies import EVENTS, NOW
from tests.rules.world import History, linked

HISTORIES = 3
#: One name alone, so that conditions meet; two leaves often differ in one thing only.
_leaves = strategies.mostly(strategies.behaviours(names=EVENTS[:1] * 2), strategies.leaves())
_worlds = st.lists(strategies.histories(names=EVENTS[:2]), min_size=HISTORIES, max_size=HISTORIES)
_other = {
    "operator": st.sampled_from([">=", ">", "<=", "<", "=", "!="]),
    "value": st.integers(0, 3),
    "window": st.sampled_from([None, {"last": "PT1H"}, {"last": "PT2H"}, {"last": "P1D"}]),
    "where": st.none(),
    "event": st.just("*"),
    "strict": st.booleans(),
    "last": st.none(),
    "at_least": st.just(1),
}


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[Stored, Stored]:
    """Draw two leaves: any, or the second is the first with one thing changed."""
    one = draw(_leaves)
    if draw(st.integers(0, 3)) == 0:
        return one, draw(_leaves)
    other = copy.deepcopy(one)
    fit = ["operator", "value", "window", "where", "event"]
    kinds = {"event": fit, "regularity": ["operator", "value", "where", "event", "at_least"],
             "sequence": ["strict", "last", "window"], "recency": ["where", "event"]}  # fmt: skip
    for key in draw(st.sets(st.sampled_from(kinds.get(one["kind"], ["id"])), max_size=2)):
        if key in one and one["kind"] != "sequence":
            other[key] = draw(_other[key])
        elif one["kind"] == "sequence":
            other[key] = draw(_other[key]) if key != "window" else None
    if one["kind"] == "event" and one.get("aggregate") in ("sum", "avg", "min", "max"):
        other["value"] = draw(st.sampled_from([one["value"], 0, 0.3, 1, 2]))
    if one["kind"] == "recency":
        other["operator"] = draw(st.sampled_from([">=", ">", "<=", "<"]))
        other["value"] = draw(st.sampled_from(strategies.LENGTHS))
    return one, other


def _holds(stored: Stored, history: History, segments: Any) -> bool:
    return oracle.holds(stored["root"], history, segments, now=NOW)


@some_or_all(300)
def test_what_follows_from_a_condition_is_never_refuted(tries: Tries) -> None:
    @tries
    @given(pair=_pairs(), histories=_worlds, segments=strategies.segments())
    def holds(pair: tuple[Stored, Stored], histories: list[History], segments: Any) -> None:
        one, other = (rule(leaf) for leaf in pair)
        mine, theirs = (group_demand(linked(stored, segments).root) for stored in (one, other))
        if implied(theirs, by=mine):
            event("follows")
            assert not any(
                _holds(one, each, segments) and not _holds(other, each, segments)
                for each in histories
            )
        if impossible(group_demand(linked(rule(*pair), segments).root)):
            event("contradicts")
            assert not any(_holds(rule(*pair), each, segments) for each in histories)
        if certain(group_demand(linked(rule(either(*pair)), segments).root)):
            event("one of them always holds")
            assert all(_holds(rule(either(*pair)), each, segments) for each in histories)

    holds()


@some_or_all(150)
def test_contradictory_rules_never_hold_and_tautological_ones_always(tries: Tries) -> None:
    @tries
    @given(stored=strategies.rules(), histories=_worlds, segments=strategies.segments())
    def holds(stored: Any, histories: list[History], segments: Any) -> None:
        demand = group_demand(linked(stored, segments).root)
        found = [_holds(stored, each, segments) for each in histories]
        if impossible(demand):
            event("contradictory")
            assert not any(found)
        if certain(demand):
            event("tautological")
            assert all(found)

    holds()


@some_or_all(80)
def test_every_rule_with_its_opposite_is_contradictory(tries: Tries) -> None:
    @tries
    @given(stored=strategies.rules(), segments=strategies.segments())
    def holds(stored: Any, segments: Any) -> None:
        demand = group_demand(linked(stored, segments).root)
        turned = group_demand(linked(rule(both(stored["root"], negated=True)), segments).root)
        assert impossible(every([demand, turned]))
        assert certain(some([demand, turned]))

    holds()


@some_or_all(60)
def test_rules_of_one_hash_mean_the_same(tries: Tries) -> None:
    @tries
    @given(stored=strategies.rules(), histories=_worlds, data=st.data())
    def holds(stored: Any, histories: list[History], data: st.DataObject) -> None:
        said_otherwise: Any = {"version": 1, "root": _said_otherwise(stored["root"], data)}
        assert parse(said_otherwise).definition_hash == parse(stored).definition_hash
        segments = dict.fromkeys([*strategies.MANUAL, "by-rule"])
        for each in histories:
            assert _holds(said_otherwise, each, segments) is _holds(stored, each, segments)

    holds()


def _said_otherwise(node: Stored, data: st.DataObject) -> Stored:
    """Return the group or leaf as somebody else might have put it."""
    if "combinator" not in node:
        return {**node, "id": "x"}
    children = [_said_otherwise(child, data) for child in data.draw(st.permutations(node["rules"]))]
    changed = {**node, "rules": children}
    match data.draw(st.integers(0, 3)):
        case 0:
            other = {"and": "or", "or": "and"}[node["combinator"]]
            turned = [both(child, negated=True) for child in children]
            return {"combinator": other, "not": not node["not"], "rules": turned}
        case 1:
            return {**changed, "rules": [*children, children[0]]}
        case 2:
            inner = {**changed, "not": not node["not"]}
            return both(inner, negated=True)
    return changed
