"""Rules as the tests write them."""

from __future__ import annotations

from typing import Any


def rule(*conditions: Any, combinator: str = "and", negated: bool = False) -> dict[str, Any]:
    return {"version": 1, "root": group(*conditions, combinator=combinator, negated=negated)}


def group(*conditions: Any, combinator: str = "and", negated: bool = False) -> dict[str, Any]:
    return {"combinator": combinator, "not": negated, "rules": list(conditions)}


def did(name: str, n: Any = 1, *, last: str = "", operator: str = ">=", where: Any = None) -> Any:
    leaf: dict[str, Any] = {
        "kind": "event", "event": name, "aggregate": "count", "operator": operator, "value": n,
    }  # fmt: skip
    if last:
        leaf["window"] = {"last": last}
    if where:
        leaf["where"] = where
    return leaf


def prop(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"kind": "prop", "field": field, "operator": operator, "value": value}


def trait(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"kind": "trait", "field": field, "operator": operator, "value": value}


def in_segment(slug: str) -> dict[str, Any]:
    return {"kind": "segment", "slug": slug}


CART = rule(did("Product Added", last="PT24H"), group(did("Order Completed"), negated=True))
