"""What the catalogue says against a rule that parses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from personalization.rules.catalogue import Catalogue, EventKind, Field
from personalization.rules.compare import OPERATORS
from personalization.rules.parse import check, parse
from tests.rules.building import (
    both,
    consent,
    either,
    feature,
    happened,
    prop,
    rule,
    segment,
    trait,
)

CATALOGUE = Catalogue(
    traits={"plan": Field("plan", "plan", "text"), "age": Field("age", "age", "number")},
    features={
        "orders.count": Field("orders.count", "number of orders", "number"),
        "stage": Field("stage", "stage", "text", values=("new", "lapsed")),
        "score": Field("score", "score", "number", values=(3, 2, 1)),
    },
    events={
        "Product Added": EventKind(
            "Product Added", "added a product", {"price": Field("price", "price", "number")}
        )
    },
    segments={"vips": "VIPs"},
    retention=timedelta(days=365),
)


def found(*leaves: Any) -> list[tuple[str, Any, tuple[str, ...]]]:
    problems = check(parse(rule(*leaves)), CATALOGUE)
    return [(problem.pointer, problem.value, problem.allowed) for problem in problems]


@pytest.mark.parametrize(
    "leaf",
    [
        trait("plan", "contains", "pro"),
        trait("age", "<", 18),
        trait("plan", "is not set"),
        trait("nobody sent this yet", "=", 5),
        feature("orders.count", ">=", 3),
        happened("Product Added", last="P365D", where=both(prop("price", ">", 10))),
        happened("Nobody Sent This Yet", where=both(prop("price", "=", "high"))),
        happened("Product Added", where=both(prop("colour", "=", "red"))),
        segment("vips"),
        consent("marketing"),
    ],
)
def test_what_the_catalogue_knows_or_may_come_is_fine(leaf: Any) -> None:
    assert found(leaf) == []


def test_a_value_of_another_type_is_refused() -> None:
    assert found(trait("age", "=", "18"), both(trait("plan", "in", ["a", 1, 2]))) == [
        ("/root/rules/0/value", "18", ()),
        ("/root/rules/1/rules/0/value/1", 1, ()),
        ("/root/rules/1/rules/0/value/2", 2, ()),
    ]


def test_an_operator_of_another_type_is_refused_with_those_there_are() -> None:
    operator, value = found(trait("age", "contains", "1"))
    assert operator == ("/root/rules/0/operator", "contains", OPERATORS["number"])
    assert value[0] == "/root/rules/0/value"


def test_an_unknown_feature_is_refused_with_those_there_are() -> None:
    assert found(feature("orders.cuont", ">", 1)) == [
        ("/root/rules/0/field", "orders.cuont", ("orders.count", "stage", "score"))
    ]


def test_an_unknown_segment_is_refused_with_those_there_are() -> None:
    assert found(either(segment("vip"))) == [("/root/rules/0/rules/0/slug", "vip", ("vips",))]


def test_a_window_longer_than_events_are_kept_is_refused() -> None:
    ((pointer, value, _),) = found(happened("Product Added", last="P366D"))
    assert (pointer, value) == ("/root/rules/0/window/last", "366 days")


@pytest.mark.parametrize(
    ("where", "pointer"),
    [
        (both(either(prop("price", "=", "10"))), "/root/rules/0/where/rules/0/rules/0/value"),
        (prop("price", "=", "10"), "/root/rules/0/where/value"),
    ],
)
def test_properties_are_checked_where_they_stand(where: Any, pointer: str) -> None:
    assert found(happened("Product Added", where=where)) == [(pointer, "10", ())]


def test_a_value_that_a_field_never_has_is_refused_with_those_it_has() -> None:
    stages, scores = ("new", "lapsed"), ("3", "2", "1")
    assert found(feature("stage", "=", "dead"), feature("stage", "!=", "New")) == [
        ("/root/rules/0/value", "dead", stages),
        ("/root/rules/1/value", "New", stages),
    ]
    assert found(feature("score", "not in", [1, 4, 2.5])) == [
        ("/root/rules/0/value/1", 4, scores),
        ("/root/rules/0/value/2", 2.5, scores),
    ]


@pytest.mark.parametrize(
    "leaf",
    [
        feature("stage", "in", ["new", "lapsed"]),
        feature("stage", "contains", "ape"),
        feature("score", "=", 3.0),
        feature("score", ">=", 2.5),
        feature("score", "is set"),
    ],
)
def test_other_comparisons_with_such_a_field_are_fine(leaf: Any) -> None:
    assert found(leaf) == []
