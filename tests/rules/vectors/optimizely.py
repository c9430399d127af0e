"""Optimizely: conditions and trees of three values, true, false and unknown.

What is unknown there leaves the visitor out of an audience; here it is a positive
comparison with a missing value or one of another type, which fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from personalization.rules.interval import Interval
from tests.rules.building import Stored, both, either, rule, segment, trait
from tests.rules.strategies import NOW
from tests.rules.vectors.suite import (
    VERSIONS,
    Case,
    Question,
    Suite,
    Untranslatable,
    load,
    named,
)
from tests.rules.world import History

_MATCHES = {
    None: "=", "exact": "=", "exists": "is set", "substring": "contains",
    "gt": ">", "ge": ">=", "lt": "<", "le": "<=",
}  # fmt: skip
_INFINITE = "JSON has neither infinity nor what is no number."


def _leaf(condition: list[Any]) -> Stored:
    name, value, kind, match = condition
    if match == "qualified":
        return segment(value)
    if str(match).startswith("semver"):
        raise Untranslatable(VERSIONS)
    leaf = trait(name, _MATCHES.get(match, match), value)
    return leaf if kind == "custom_attribute" else {**leaf, "kind": kind}


def _record(stored: Mapping[str, Any]) -> list[Question]:
    values = [stored["condition"][1], *stored["attributes"].values()]
    if any(isinstance(value, Mapping) and "$float" in value for value in values):
        raise Untranslatable(_INFINITE)
    qualified = stored["qualified_segments"] or []
    history = History(
        traits=stored["attributes"],
        memberships={slug: Interval(NOW - 1) for slug in qualified},
    )
    slugs = dict.fromkeys([*qualified, "odp-segment-2"])
    expected = stored["result"] is True
    return [Question(rule(_leaf(stored["condition"])), history, expected, segments=slugs)]


def _tree(stored: Any) -> Stored:
    if isinstance(stored, str):
        return trait(stored, "=", "yes")
    word, children = "or", stored
    if stored[0] in ("and", "or", "not"):
        word, children = stored[0], stored[1:]
    parts = [_tree(child) for child in children]
    if word == "not":  # it looks at its first operand only
        return both(*parts[:1], negated=True)
    return both(*parts) if word == "and" else either(*parts)


def _tree_record(stored: Mapping[str, Any]) -> list[Question]:
    # Results are given for the leaves that were asked, which are the first ones.
    results = zip("ABC", stored["leaf_results_in_call_order"], strict=False)
    traits = {name: "yes" if held else "no" for name, held in results if held is not None}
    translated = rule(_tree(stored["tree"]))
    return [Question(translated, History(traits=traits), stored["result"] is True)]


def _read(file: Path) -> dict[str, Case]:
    known = load(file)
    conditions = [(each["test"], partial(_record, each)) for each in known["conditions"]]
    trees = [
        (f"tree {each['test']}", partial(_tree_record, each)) for each in known["three_valued_tree"]
    ]
    return named([*conditions, *trees])


OPTIMIZELY = Suite(
    "optimizely",
    "optimizely/conditions_and_buckets.json",
    _read,
    frozenset(
        {
            "test_evaluate__condition_type__invalid",
            "test_evaluate__match_type__invalid",
            "test_evaluate__returns_null__when_condition_has_an_invalid_match_property",
            "test_evaluate__returns_null__when_condition_has_an_invalid_type_property",
            "test_exact__condition_value_invalid",
            "test_greater_than__condition_value_invalid",
            "test_qualified__condition_value_invalid",
            "test_qualified__returns_null__when_condition_value_is_not_string",
            "test_substring__condition_value_invalid",
            "tree test_not_evaluator__returns_null__when_there_are_no_operands",
        }
    ),
)
