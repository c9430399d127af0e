"""A shallow tree and its rule say the same of everybody."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from personalization.ml.clusters.boxes import Bounds, merged, rule_of
from personalization.ml.clusters.shallow import Leaf, Split, joined, says
from personalization.ml.clusters.speaking import speaker_of
from personalization.rules.catalogue import Catalogue, Field
from personalization.rules.evaluate import evaluate
from personalization.rules.parse import check, parse
from personalization.rules.state import Facts
from tests.effort import examples

NAMES = ("orders.count", "orders.revenue", "visits.count")
CATALOGUE = Catalogue(features={name: Field(name, name, "number") for name in NAMES})
NUMBERS = st.one_of(st.integers(-3, 6), st.floats(-3, 6), st.floats(-1e9, 1e9)).map(float)
VALUES = st.one_of(st.none(), NUMBERS)


def splits(parts: Any) -> Any:
    return st.builds(
        Split,
        column=st.integers(0, 2),
        threshold=NUMBERS,
        low=parts,
        high=parts,
        missing=st.sampled_from(["low", "high", "out"]),
    )


TREES = st.recursive(st.builds(Leaf, inside=st.booleans()), splits, max_leaves=9)
#: Values, some of them right on a threshold.
ROWS = st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=20)


def thresholds(tree) -> list[float]:
    if isinstance(tree, Leaf):
        return []
    return [tree.threshold, *thresholds(tree.low), *thresholds(tree.high)]


def stored(tree):
    return rule_of(tree, lambda column: speaker_of(NAMES[column], CATALOGUE))


def holds(rule, row) -> bool:
    """Ask the rule as it is asked of a snapshot: what is not known is not there."""
    known = {name: value for name, value in zip(NAMES, row, strict=True) if value is not None}
    return evaluate(parse(json.loads(json.dumps(rule))), Facts(features=known), now=0).holds


def array(rows) -> np.ndarray[Any, Any]:
    return np.array([[np.nan if v is None else v for v in row] for row in rows], float)


@given(TREES, ROWS, st.data())
@examples(150)
def test_the_rule_says_of_everybody_what_the_tree_says(tree, rows, data):
    edges = thresholds(tree)
    if edges:
        edge = st.one_of(st.sampled_from(edges), VALUES)
        rows = [*rows, *data.draw(st.lists(st.tuples(edge, edge, edge), max_size=20))]
    said = says(tree, array(rows)).tolist()
    rule = stored(tree)
    if rule is None:
        assert len(set(said)) == 1
        return
    assert check(parse(rule), CATALOGUE) == []
    assert [holds(rule, row) for row in rows] == said


@given(TREES, ROWS)
@examples(40)
def test_questions_that_change_nothing_are_left_out(tree, rows):
    shorter = joined(tree)
    known = array([[0.0 if v is None else v for v in row] for row in rows])
    assert says(shorter, known).tolist() == says(tree, known).tolist()
    assert joined(shorter) == shorter
    assert len(thresholds(shorter)) <= len(thresholds(tree))


def feature(name, operator, value):
    return {"kind": "feature", "field": name, "operator": operator, "value": value}


def ask(column, threshold, low, high, missing="out"):
    low, high = (Leaf(inside=each) if isinstance(each, bool) else each for each in (low, high))
    return Split(column=column, threshold=threshold, low=low, high=high, missing=missing)


def test_bounds_of_one_way_are_merged():
    tree = ask(0, 9.0, ask(0, 2.0, False, ask(0, 7.0, True, False)), False)
    assert stored(tree)["root"]["rules"] == [
        feature("orders.count", ">", 2), feature("orders.count", "<=", 7),
    ]  # fmt: skip


def test_ways_that_touch_become_one():
    assert stored(ask(0, 2.0, ask(1, 3.0, True, False), ask(1, 3.0, True, False), "low")) == {
        "version": 1,
        "root": {"combinator": "and", "not": False, "rules": [feature("orders.revenue", "<=", 3)]},
    }


def test_what_all_ways_share_is_said_once():
    inner = ask(1, 10.0, ask(2, 4.0, False, True), True)
    rule = stored(ask(0, 0.5, False, inner))
    fields = Counter(leaf.test.name for leaf in parse(rule).leaves())
    assert fields["orders.count"] == 1
    assert rule["root"]["rules"][0] == feature("orders.count", ">", 0.5)
    assert rule["root"]["rules"][1]["combinator"] == "or"


def test_the_unknown_are_named_where_they_belong_to_it():
    rule = stored(ask(0, 2.0, True, False, "low"))
    assert rule["root"]["rules"] == [
        {
            "combinator": "or",
            "not": False,
            "rules": [
                feature("orders.count", "<=", 2), feature("orders.count", "is not set", None),
            ],
        }
    ]  # fmt: skip


def test_a_tree_that_asks_nothing_has_no_rule():
    assert stored(Leaf(inside=True)) is None
    assert stored(ask(0, 2.0, False, False)) is None


def test_whoever_is_told_from_nobody_has_no_rule():
    assert stored(ask(0, 2.0, True, True, "low")) is None


def test_boxes_with_a_gap_between_them_stay_two():
    one, other = {0: Bounds(most=1.0)}, {0: Bounds(above=2.0)}
    assert merged([one, other]) == [one, other]
    assert merged([one, other, {0: Bounds(above=1.0, most=2.0)}]) == [{0: Bounds()}]
