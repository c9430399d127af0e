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

#: Every kind of part that the language had first, written as nobody would by hand.
WHOLE = rule(
    {**did("Product Added", 2, last="PT36H", where=group(
        prop("category", "in", ["shoes, boots", " x "]),
        group(prop("price", ">=", 9.5), prop("gift", "=", False), combinator="or", negated=True),
    )), "id": "a1", "scope": "profile"},
    {**did("Order Completed", 0, operator="="), "window": {
        "from": "2026-01-31T08:00:00.123456+02:00", "to": "2026-03-01",
    }},
    {"combinator": "or", "rules": [
        trait("plan", "!=", "pro"), {"kind": "trait", "field": "age", "operator": "is not set"},
        trait("address.city", "contains", "größe"), did("Never Heard Of"),
    ], "id": "g"},
    {"kind": "consent", "purpose": "marketing"},
    {"kind": "feature", "field": "orders.count", "operator": "not in", "value": [1, 2.5]},
    in_segment("guests"),
    negated=True,
)  # fmt: skip

#: A line of every kind that looks at events in more ways than counting them, or at requests.
EVERY = rule(
    {**did("Product Added", 2, last="P30D"), "window": {"last": "P30D", "until": "PT36H"}},
    {
        "kind": "event", "event": "Order Completed", "aggregate": "sum", "prop": "total",
        "operator": "<", "value": -99.5, "scope": "visit", "window": {"last": "PT5M"},
    },
    {"kind": "event", "event": "*", "aggregate": "days", "operator": ">", "value": 3},
    {
        "kind": "event", "event": "Product Viewed", "aggregate": "distinct", "prop": "deep.er",
        "operator": "!=", "value": 0, "where": group(prop("category", "ends with", "s")),
    },
    group(
        {"kind": "recency", "event": "Order Completed", "operator": ">", "value": "P30D"},
        {
            "kind": "recency", "event": "*", "which": "first", "operator": "<=", "value": "P1W",
            "where": group(prop("price", ">", 1)),
        },
        combinator="or",
        negated=True,
    ),
    {
        "kind": "sequence",
        "steps": [
            {"event": "Product Viewed", "where": group(prop("category", "=", "shoes"))},
            {"event": "Cart Viewed", "absent": True},
            {"event": "Product Added", "within": "PT2H"},
            {"event": "Order Completed", "absent": True, "within": "PT24H"},
            {"event": "Never Heard Of", "absent": True, "within": "PT90M"},
        ],
        "window": "P7D", "last": "P30D", "strict": False,
    },
    {
        "kind": "regularity", "event": "Page Viewed", "period": "P1W", "periods": 4, "at_least": 3,
        "operator": "=", "value": 2, "where": group(prop("path", "starts with", "/shoes/")),
    },
    {"kind": "context", "field": "device", "operator": "in", "value": ["mobile", "tablet"]},
    {"kind": "context", "field": "hour", "operator": "between", "value": [22, 6]},
    {"kind": "context", "field": "hour", "operator": ">=", "value": 8},
    {"kind": "context", "field": "weekday", "operator": "!=", "value": "sunday"},
    {"kind": "context", "field": "utm.source", "operator": "is not set"},
    {"kind": "context", "field": "path", "operator": "matches", "value": "^/sale"},
)  # fmt: skip
