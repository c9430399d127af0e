"""Short words for rules as they are stored."""

from __future__ import annotations

from typing import Any

Stored = dict[str, Any]


def rule(*children: Stored) -> Stored:
    return {"version": 1, "root": both(*children)}


def both(*children: Stored, negated: bool = False) -> Stored:
    return {"combinator": "and", "not": negated, "rules": list(children)}


def either(*children: Stored, negated: bool = False) -> Stored:
    return {"combinator": "or", "not": negated, "rules": list(children)}


def none_of(*children: Stored) -> Stored:
    return either(*children, negated=True)


def trait(field: str, operator: str, value: Any = None) -> Stored:
    return _test("trait", field, operator, value)


def feature(field: str, operator: str, value: Any = None) -> Stored:
    return _test("feature", field, operator, value)


def prop(field: str, operator: str, value: Any = None) -> Stored:
    return _test("prop", field, operator, value)


def happened(name: str, operator: str = ">=", value: int = 1, **more: Any) -> Stored:
    """Return an event leaf; `last` is a duration, `where` a group, `window` any window."""
    if "last" in more:
        more["window"] = {"last": more.pop("last")}
    return {
        "kind": "event",
        "event": name,
        "aggregate": "count",
        "operator": operator,
        "value": value,
        **more,
    }


def segment(slug: str) -> Stored:
    return {"kind": "segment", "slug": slug}


def consent(purpose: str) -> Stored:
    return {"kind": "consent", "purpose": purpose}


def _test(kind: str, field: str, operator: str, value: Any) -> Stored:
    stored = {"kind": kind, "field": field, "operator": operator}
    return stored if value is None else {**stored, "value": value}
