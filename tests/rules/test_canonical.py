"""The definition hash: equal for all ways to write one rule, unequal where rules differ."""

from __future__ import annotations

from typing import Any

import pytest

from personalization.rules.parse import parse
from tests.rules.building import (
    Stored,
    absent,
    both,
    context,
    either,
    happened,
    measured,
    none_of,
    prop,
    recency,
    regularity,
    rule,
    sequence,
    trait,
)

A, B, C = happened("A"), trait("plan", "=", "pro"), recency("A", "<", "PT1H")


def hash_of(*children: Stored, root: Stored | None = None) -> str:
    stored: Any = rule(*children) if root is None else {"version": 1, "root": root}
    return parse(stored).definition_hash


SAME: list[tuple[Stored, Stored]] = [
    (both(A, B), both(B, A)),
    (both(A, B), both(A, B, A)),
    (both(A, B, C), both(both(A, B), C)),
    (both(A), either(A)),
    (both(A, B), either(both(A, B))),
    (both(either(A, B), C), both(C, both(either(B, A)))),
    (both(either(A, B), either(B, A)), either(A, B)),
    (both(A, B, negated=True), either(both(A, negated=True), none_of(B))),
    (both(none_of(A)), both(both(both(A), negated=True))),
    (both(A), both({**A, "id": "7"})),
    (both(A), both({key: value for key, value in A.items() if key != "aggregate"})),
    (both(happened("A", ">", 1)), both(happened("A", ">=", 2))),
    (both(happened("A", "<", 2)), none_of(happened("A", ">", 1))),
    (both(happened("A", "=", 0)), none_of(A)),
    (both(happened("A", last="P1D")), both(happened("A", last="PT24H"))),
    (both(trait("p", "!=", 1)), none_of(trait("p", "=", 1.0))),
    (both(trait("p", "in", ["b", "a", "b"])), both(trait("p", "in", ["a", "b"]))),
    (both(trait("p", "in", ["a"])), both(trait("p", "=", "a"))),
    (
        both(happened("A", where=both(prop("x", "=", 1), prop("y", "!=", 2)))),
        both(happened("A", where=none_of(prop("y", "=", 2), prop("x", "!=", 1)))),
    ),
    (both(happened("A", where=prop("x", "=", 1))), both(happened("A", where=both(prop("x", "=", 1))))),
    (both(measured("sum", "x", ">=", 2)), both(measured("sum", "x", ">=", 2.0))),
    (both(measured("avg", "x", "!=", 2)), none_of(measured("avg", "x", "=", 2))),
    (
        both(regularity("A", "P1W", 4, 3, "<", 2)),
        none_of(regularity("A", "P7D", 4, 2, ">=", 2)),
    ),
    (both(context("hour", "between", [6, 8])), both(context("hour", "in", [7, 6]))),
    (
        both(sequence("A", absent("X"), absent("Y"), "B")),
        both(sequence("A", absent("Y"), absent("X"), "B", strict=False)),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_rule_has_one_hash(one: Stored, other: Stored) -> None:
    assert hash_of(root=one) == hash_of(root=other)


DIFFERENT: list[tuple[Stored, Stored]] = [
    (both(A, B), either(A, B)),
    (both(A), none_of(A)),
    (both(A), both(happened("a"))),
    (both(A), both(happened("A", scope="visit"))),
    (both(A), both(happened("A", last="PT1H"))),
    (
        both(happened("A", last="PT2H")),
        both(happened("A", window={"last": "PT2H", "until": "PT1H"})),
    ),
    (both(happened("A", ">=", 1)), both(happened("A", ">=", 2))),
    (both(trait("p", "=", 1)), both(trait("p", "=", True))),
    (both(trait("p", "=", 1)), both(trait("p", "=", "1"))),
    (both(trait("p", "=", 1)), both({"kind": "feature", "field": "p", "operator": "=", "value": 1})),
    (both(trait("p", "=", "x")), both(trait("p", "contains", "x"))),
    (both(measured("min", "x", ">=", 2)), both(measured("max", "x", ">=", 2))),
    (both(measured("avg", "x", ">=", 2)), none_of(measured("avg", "x", "<", 2))),
    (both(recency("A", "<", "PT1H")), both(recency("A", "<", "PT1H", which="first"))),
    (both(recency("A", "<", "PT1H")), none_of(recency("A", ">=", "PT1H"))),
    (both(sequence("A", "B")), both(sequence("B", "A"))),
    (both(sequence("A", "B")), both(sequence("A", "B", strict=True))),
    (both(sequence("A", "B", window="PT1H")), both(sequence("A", "B", last="PT1H"))),
    (both(sequence("A", "B")), both(sequence("A", {"event": "B", "within": "PT1H"}))),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_other_rules_have_other_hashes(one: Stored, other: Stored) -> None:
    assert hash_of(root=one) != hash_of(root=other)


def test_a_hash_is_a_sha_256_that_stays() -> None:
    """Hashes are kept and compared later: a change of the form is a change for everybody."""
    assert hash_of(A) == ("1c29de84e23884d1c3e8e971295770b0c091db016537dd4ba81d52a6140951e3")
